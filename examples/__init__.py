"""Small frameworks on Tepui's SDK; the tests run them."""
