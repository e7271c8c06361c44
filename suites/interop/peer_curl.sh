#!/bin/sh
# curl as the peer of the server: the page, and a WebSocket with handwritten frames. Arguments: the role `client`, the ws: URL.
url=http:${2#ws:}
get() { curl -s -m 10 "$@"; }
check() { # name, output, expected part of it
    case $2 in *"$3"*) printf '%s\tok\n' "$1" ;; *) printf '%s\t%s is not in: %s\n' "$1" "$3" "$2" ;; esac
}
upgrade() { # version, frames: prints the response and the bytes after it
    printf "$2" | get -i -N -T - -X GET -H 'Expect:' -H 'Transfer-Encoding:' -H 'Connection: Upgrade' \
        -H 'Upgrade: websocket' -H "Sec-WebSocket-Version: $1" -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' "$url"
}
check page "$(get -i "$url")" 'HTTP/1.1 200 OK'
check page "$(get "$url")" 'new WebSocket('
check page "[$(get -I "$url" | tail -n 1 | tr -d '\r\n')]" '[]' # no body after HEAD
check page "$(get -o /dev/null -w '%{http_code}' "${url}nowhere")" 404
check upgrade "$(upgrade 14 '')" 'HTTP/1.1 426'
check upgrade "$(upgrade 14 '')" 'Sec-WebSocket-Version: 13'

# A text with the masking key 0, then a Close with 1000, which ends the connection.
answer=$(upgrade 13 '\201\202\0\0\0\0hi\210\202\0\0\0\0\003\350' | od -An -v -t x1 | tr -d ' \n')
hex() { printf '%s' "$1" | od -An -v -t x1 | tr -d ' \n'; }
check upgrade "$answer" "$(hex 'HTTP/1.1 101 Switching Protocols')"
check upgrade "$answer" "$(hex 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')"
check text "$answer" 0d0a0d0a"8102$(hex hi)"
check 'peer closes' "$answer]" 880203e8]
