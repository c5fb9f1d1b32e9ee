#!/usr/bin/env bash
# Fetches the fonts and KaTeX that the site ships, at exact versions, from the npm registry.
# Run it only to change a version: what it writes to docs/vendor/ is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
vendor=$PWD/docs/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

unpack() { # package version -> ./package
    rm -rf package && tar xzf "$(npm pack --silent "$1@$2")"
}

rm -rf "$vendor" && mkdir -p "$vendor/katex/fonts" "$vendor/fonts"

unpack katex 0.19.1
cp package/dist/katex.min.js package/LICENSE "$vendor/katex/"
cp package/dist/fonts/*.woff2 "$vendor/katex/fonts/"
# Browsers of today read woff2: the woff and ttf fallbacks are not shipped.
sed -E 's/,url\([^)]*\.(woff|ttf)\) format\("[a-z]+"\)//g' package/dist/katex.min.css > "$vendor/katex/katex.min.css"

for font in inter:5.3.0:normal,italic source-serif-4:5.3.1:normal jetbrains-mono:5.3.0:normal; do
    IFS=: read -r name version styles <<< "$font"
    unpack "@fontsource-variable/$name" "$version"
    for style in ${styles//,/ }; do
        cp "package/files/$name-latin-wght-$style.woff2" "$vendor/fonts/"
    done
    cp package/LICENSE "$vendor/fonts/LICENSE-$name"
done
du -sh "$vendor"
