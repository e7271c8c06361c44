// Go's gorilla/websocket as the peer. Roles and output are as in peers.py.
package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const patience = 15 * time.Second

// The size of a writer's buffer is the maximum of a fragment.
const fragment = 256

func send(ws *websocket.Conn, kind int, parts ...string) error {
	writer, err := ws.NextWriter(kind)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if _, err := writer.Write([]byte(part)); err != nil {
			return err
		}
	}
	return writer.Close()
}

func closeFrame(ws *websocket.Conn, code int, reason string) error {
	frame := websocket.FormatCloseMessage(code, reason)
	return ws.WriteControl(websocket.CloseMessage, frame, time.Now().Add(patience))
}

// Returns the code and reason of the peer's Close, if reading ends with one.
func closed(ws *websocket.Conn) (int, string, error) {
	_, _, err := ws.ReadMessage()
	var end *websocket.CloseError
	if errors.As(err, &end) {
		return end.Code, end.Text, nil
	}
	return 0, "", fmt.Errorf("no Close comes: %v", err)
}

func closesWith(ws *websocket.Conn, code int, reason string) error {
	gotCode, gotReason, err := closed(ws)
	if err == nil && (gotCode != code || gotReason != reason) {
		err = fmt.Errorf("closed with %d %q", gotCode, gotReason)
	}
	return err
}

func echo(messages ...string) func(*websocket.Conn) error {
	return func(ws *websocket.Conn) error {
		for _, message := range messages {
			for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				sent := make(chan error, 1)
				go func() { sent <- send(ws, kind, message) }()
				gotKind, got, err := ws.ReadMessage()
				if err != nil {
					return err
				}
				if gotKind != kind || string(got) != message {
					return fmt.Errorf("another message comes back for %d bytes", len(message))
				}
				if err := <-sent; err != nil {
					return err
				}
			}
		}
		return nil
	}
}

func client(url string) {
	check := func(name string, test func(*websocket.Conn) error, subprotocols ...string) {
		dialer := websocket.Dialer{Subprotocols: subprotocols, WriteBufferSize: fragment, HandshakeTimeout: patience}
		ws, _, err := dialer.Dial(url, nil)
		if err == nil {
			ws.SetReadDeadline(time.Now().Add(patience))
			err = test(ws)
			ws.Close()
		}
		if err != nil {
			fmt.Printf("%s\t%v\n", name, err)
		} else {
			fmt.Printf("%s\tok\n", name)
		}
	}
	check("text", echo("text", "ü 🦀", "a\x00b"))
	check("binary", func(ws *websocket.Conn) error {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		if err := ws.WriteMessage(websocket.BinaryMessage, all); err != nil {
			return err
		}
		if _, got, err := ws.ReadMessage(); err != nil || !bytes.Equal(got, all) {
			return fmt.Errorf("another message comes back: %v", err)
		}
		return nil
	})
	check("empty", echo(""))
	var sizes []string
	for _, size := range []int{125, 126, 65_535, 65_536} {
		sizes = append(sizes, strings.Repeat("x", size))
	}
	check("sizes", echo(sizes...))
	check("16 MiB", echo(strings.Repeat("x", 16<<20)))
	check("fragments", func(ws *websocket.Conn) error {
		if err := send(ws, websocket.TextMessage, "Kä", "se", strings.Repeat("!", 10*fragment)); err != nil {
			return err
		}
		if _, got, err := ws.ReadMessage(); err != nil || string(got) != "Käse"+strings.Repeat("!", 10*fragment) {
			return fmt.Errorf("another message comes back: %v", err)
		}
		return nil
	})
	check("ping", func(ws *websocket.Conn) error {
		payload := strings.Repeat("p", 125)
		if err := ws.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(patience)); err != nil {
			return err
		}
		pong := ""
		ws.SetPongHandler(func(got string) error { pong = got; return nil })
		if err := echo("x")(ws); err != nil {
			return err
		}
		if pong != payload {
			return fmt.Errorf("Pong %q", pong)
		}
		return nil
	})
	check("subprotocol", func(ws *websocket.Conn) error {
		if ws.Subprotocol() != "v2.chat" {
			return fmt.Errorf("subprotocol %q", ws.Subprotocol())
		}
		return nil
	}, "v2.chat", "chat")
	check("abrupt", func(ws *websocket.Conn) error {
		if err := ws.WriteMessage(websocket.BinaryMessage, make([]byte, 1<<20)); err != nil {
			return err
		}
		ws.UnderlyingConn().(*net.TCPConn).SetLinger(0) // a reset
		ws.Close()
		again, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			return err
		}
		defer again.Close()
		return echo("still there")(again)
	})
	check("peer closes", func(ws *websocket.Conn) error {
		if err := closeFrame(ws, 4000, "bye"); err != nil {
			return err
		}
		return closesWith(ws, 4000, "")
	})
	check("we close", func(ws *websocket.Conn) error {
		fmt.Println("ready")
		return closesWith(ws, 1001, "server shuts down")
	})
}

// Answers messages until the connection ends.
func handle(ws *websocket.Conn, path string) error {
	ws.SetPongHandler(func(string) error { return send(ws, websocket.TextMessage, "pong") })
	for {
		kind, message, err := ws.ReadMessage()
		if err != nil {
			return err
		}
		switch path {
		case "/binary":
			decoded, _ := hex.DecodeString(string(message))
			err = ws.WriteMessage(websocket.BinaryMessage, decoded)
		case "/fragments":
			err = send(ws, kind, string(message), string(message))
		case "/ping":
			err = ws.WriteControl(websocket.PingMessage, bytes.Repeat([]byte("p"), 125), time.Now().Add(patience))
		case "/close":
			err = closeFrame(ws, 4001, "from the server")
		case "/abrupt":
			ws.UnderlyingConn().(*net.TCPConn).SetLinger(0)
			ws.Close()
			return nil
		default:
			err = ws.WriteMessage(kind, message)
		}
		if err != nil {
			return err
		}
	}
}

func server() {
	upgrader := websocket.Upgrader{Subprotocols: []string{"chat"}, WriteBufferSize: fragment}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		var end *websocket.CloseError
		if errors.As(handle(ws, r.URL.Path), &end) {
			fmt.Println(strings.TrimSpace(fmt.Sprintf("closed %d %s", end.Code, end.Text)))
		}
	}))
}

func main() {
	if os.Args[1] == "client" {
		client(os.Args[2])
	} else {
		server()
	}
}
