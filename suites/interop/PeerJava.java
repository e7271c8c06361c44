import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** The WebSocket of Java's HttpClient as the peer of the server. Arguments and output are as in peers.py. */
class PeerJava implements WebSocket.Listener {
    interface Test {
        void run(WebSocket ws) throws Exception;
    }

    record Close(int code, String reason) {}

    /** Whole messages (String or ByteBuffer), Pongs (byte[]), the Close, and errors. */
    final LinkedBlockingQueue<Object> events = new LinkedBlockingQueue<>();
    private StringBuilder text = new StringBuilder();
    private ByteBuffer binary = ByteBuffer.allocate(20 << 20);

    public CompletionStage<?> onText(WebSocket ws, CharSequence part, boolean last) {
        text.append(part);
        if (last) {
            events.add(text.toString());
            text = new StringBuilder();
        }
        ws.request(1);
        return null;
    }

    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer part, boolean last) {
        binary.put(part);
        if (last) {
            events.add(ByteBuffer.wrap(Arrays.copyOf(binary.array(), binary.position())));
            binary.clear();
        }
        ws.request(1);
        return null;
    }

    public CompletionStage<?> onPong(WebSocket ws, ByteBuffer payload) {
        byte[] bytes = new byte[payload.remaining()];
        payload.get(bytes);
        events.add(bytes);
        ws.request(1);
        return null;
    }

    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        events.add(new Close(code, reason));
        return null;
    }

    public void onError(WebSocket ws, Throwable error) {
        events.add(error);
    }

    void expect(Object expected) throws Exception {
        Object got = events.poll(15, TimeUnit.SECONDS);
        boolean same = expected instanceof byte[] bytes ? got instanceof byte[] it && Arrays.equals(bytes, it) : expected.equals(got);
        if (!same) {
            String text = String.valueOf(got);
            throw new Exception(text.substring(0, Math.min(80, text.length())) + " comes");
        }
    }

    void echo(WebSocket ws, String text) throws Exception {
        ws.sendText(text, true).get();
        expect(text);
        byte[] bytes = text.getBytes("UTF-8");
        ws.sendBinary(ByteBuffer.wrap(bytes), true).get();
        expect(ByteBuffer.wrap(bytes));
    }

    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static void check(String url, String name, java.util.function.Function<PeerJava, Test> test, String... subprotocols) {
        try {
            PeerJava peer = new PeerJava();
            WebSocket.Builder builder = CLIENT.newWebSocketBuilder();
            if (subprotocols.length > 0)
                builder.subprotocols(subprotocols[0], Arrays.copyOfRange(subprotocols, 1, subprotocols.length));
            WebSocket ws = builder.buildAsync(URI.create(url), peer).get();
            test.apply(peer).run(ws);
            ws.abort();
            System.out.println(name + "\tok");
        } catch (Exception error) {
            System.out.println(name + "\t" + error);
        }
    }

    public static void main(String[] arguments) {
        String url = arguments[1];
        check(url, "text", peer -> ws -> {
            for (String text : new String[] {"text", "ü 🦀", "a\0b"}) peer.echo(ws, text);
        });
        check(url, "binary", peer -> ws -> {
            byte[] all = new byte[256];
            for (int i = 0; i < 256; i++) all[i] = (byte) i;
            ws.sendBinary(ByteBuffer.wrap(all), true).get();
            peer.expect(ByteBuffer.wrap(all));
        });
        check(url, "empty", peer -> ws -> peer.echo(ws, ""));
        check(url, "sizes", peer -> ws -> {
            for (int size : new int[] {125, 126, 65_535, 65_536}) peer.echo(ws, "x".repeat(size));
        });
        check(url, "16 MiB", peer -> ws -> peer.echo(ws, "x".repeat(16 << 20)));
        check(url, "fragments", peer -> ws -> {
            for (String part : new String[] {"Kä", "", "se"}) ws.sendText(part, false).get();
            ws.sendText("!".repeat(70_000), true).get();
            peer.expect("Käse" + "!".repeat(70_000));
        });
        check(url, "ping", peer -> ws -> {
            byte[] payload = "p".repeat(125).getBytes();
            ws.sendPing(ByteBuffer.wrap(payload)).get();
            peer.expect(payload);
        });
        check(url, "subprotocol", peer -> ws -> {
            if (!ws.getSubprotocol().equals("v2.chat")) throw new Exception(ws.getSubprotocol());
        }, "v2.chat", "chat");
        check(url, "abrupt", peer -> ws -> {
            ws.sendText("x".repeat(1 << 20), true).get();
            ws.abort();
            PeerJava other = new PeerJava();
            other.echo(CLIENT.newWebSocketBuilder().buildAsync(URI.create(url), other).get(), "still there");
        });
        check(url, "peer closes", peer -> ws -> {
            ws.sendClose(4000, "bye").get();
            peer.expect(new Close(4000, ""));
        });
        check(url, "we close", peer -> ws -> {
            System.out.println("ready");
            peer.expect(new Close(1001, "server shuts down"));
        });
        System.exit(0);
    }
}
