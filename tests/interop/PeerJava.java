// Java's HttpClient as the peer, which is a client only; what is printed is as in peer_websockets.py.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

class PeerJava {
    interface Test { void run(WebSocket ws, Inbox inbox) throws Exception; }

    /** What comes in, as text: `t:` or `b:` and the message, `pong:` and its length, `close:` with code and reason. */
    static class Inbox implements WebSocket.Listener {
        final BlockingQueue<String> events = new LinkedBlockingQueue<>();
        volatile boolean closed;
        final StringBuilder text = new StringBuilder(), bytes = new StringBuilder();

        public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
            return part(ws, text.append(data), last, "t:");
        }

        public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
            while (data.hasRemaining()) bytes.append((char) (data.get() & 255));
            return part(ws, bytes, last, "b:");
        }

        private CompletionStage<?> part(WebSocket ws, StringBuilder whole, boolean last, String kind) {
            if (last) {
                events.add(kind + whole);
                whole.setLength(0);
            }
            ws.request(1);
            return null;
        }

        public CompletionStage<?> onPong(WebSocket ws, ByteBuffer data) {
            events.add("pong:" + data.remaining());
            ws.request(1);
            return null;
        }

        public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
            closed = true;
            events.add("close:" + code + reason);
            return null;
        }

        public void onError(WebSocket ws, Throwable error) {
            events.add("error:" + error);
        }

        void expect(String event) throws Exception {
            String got = events.poll(20, TimeUnit.SECONDS);
            if (!event.equals(got)) throw new AssertionError((got + "").substring(0, Math.min(60, (got + "").length())));
        }
    }

    static String uri;

    static void check(String name, Test test) {
        try {
            Inbox inbox = new Inbox();
            WebSocket ws = HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(URI.create(uri), inbox).join();
            test.run(ws, inbox);
            if (!inbox.closed) {
                ws.sendClose(1000, "").join();
                inbox.expect("close:1000");
            }
            System.out.println(name + "\tok");
        } catch (Throwable error) {
            System.out.println(name + "\t" + error);
        }
    }

    static Test echo(String... messages) {
        return (ws, inbox) -> {
            for (String message : messages) {
                String body = message.substring(2);
                if (message.startsWith("t:")) ws.sendText(body, true).join();
                else ws.sendBinary(ByteBuffer.wrap(body.getBytes("ISO-8859-1")), true).join();
                inbox.expect(message);
            }
        };
    }

    public static void main(String[] args) {
        uri = args[1];
        StringBuilder all = new StringBuilder("b:");
        for (char c = 0; c < 256; c++) all.append(c);
        check("text", echo("t:text", "t:\u00fc \ud83e\udd80", "t:a\0b"));
        check("binary", echo(all.toString()));
        check("empty", echo("t:", "b:"));
        check("65536", echo("t:" + "x".repeat(65_535), "b:" + "x".repeat(65_536)));
        check("1 MiB", echo("t:" + "x".repeat(1 << 20), "b:" + "\u00ff".repeat(1 << 20)));
        check("fragments", (ws, inbox) -> {
            for (String part : new String[] {"K\u00e4", "", "se"}) ws.sendText(part, false).join();
            ws.sendText("!".repeat(70_000), true).join();
            inbox.expect("t:K\u00e4se" + "!".repeat(70_000));
        });
        check("ping", (ws, inbox) -> {
            ws.sendPing(ByteBuffer.wrap(new byte[125])).join();
            inbox.expect("pong:125");
        });
        check("peer closes", (ws, inbox) -> {
            ws.sendClose(4000, "bye").join();
            inbox.expect("close:4000");
        });
        check("we close", (ws, inbox) -> {
            System.out.println("ready");
            inbox.expect("close:1001server shuts down");
        });
        System.exit(0);
    }
}
