# Sourced by scripts/demo and scripts/test: makes .venv once and installs imggen into it.
# Installs again only when pyproject.toml, constraints.txt or Python changed.

cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=""
for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "error: Python 3.11 or newer was not found: install it, or name it with PYTHON=/path/to/python." >&2
    exit 2
fi

stamp=.venv/imggen-installed
wanted=$("$python" -c '
import hashlib, pathlib, sys
files = [pathlib.Path(name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
print(sys.version, hashlib.sha256(b"".join(files)).hexdigest())')
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "== installing imggen and its tools into .venv (torch is large: some minutes the first time)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable '.[docs,dev,slides]'
    echo "$wanted" > "$stamp"
fi
# shellcheck disable=SC1091
. .venv/bin/activate
unset PYTHONDONTWRITEBYTECODE # what one of a hundred processes has compiled, the others take
export NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true
