#!/usr/bin/env bash
# Make a virtual environment with the unmodified third-party client pymesos, for the conformance tests.
# Its dependency http-parser ships C made for an older Python: it is made again from its own .pyx, which needs a C compiler.
set -euo pipefail
venv=$1
stamp=$venv/.installed
[ -e "$stamp" ] && exit 0
command -v cc >/dev/null || { echo "no C compiler: the pymesos conformance tests will be skipped" >&2; exit 0; }
include=$("${PYTHON:-python3}" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -e "$include/Python.h" ] || { echo "no Python.h (on Debian: python3-dev): the pymesos conformance tests will be skipped" >&2; exit 0; }
if [ "${2:-}" != build ]; then
    "$0" "$venv" build || { echo "pymesos cannot be built for this Python: its conformance tests will be skipped" >&2; rm -rf "$venv"; }
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$venv"
pip="$venv/bin/pip --quiet --disable-pip-version-check"
$pip install 'cython==0.29.37' 'setuptools==80.9.0' 'wheel==0.45.1'
$pip download --no-deps --no-binary :all: --no-build-isolation --dest "$work" http-parser==0.9.0
tar -xzf "$work"/http*parser-0.9.0.tar.gz -C "$work"
source=$(echo "$work"/http*parser-0.9.0)
"$venv/bin/cython" -2 "$source/http_parser/parser.pyx" -o "$source/http_parser/parser.c" 2>/dev/null
$pip install --no-build-isolation "$source"
$pip install 'pymesos==0.3.15' 'addict==2.4.0' 'six==1.17.0' 'kazoo==2.10.0'
"$venv/bin/python" -c 'import pymesos, http_parser.parser'
touch "$stamp"
