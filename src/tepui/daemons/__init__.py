"""Composition roots: flags become a core, a driver and adapters. No decisions here."""
