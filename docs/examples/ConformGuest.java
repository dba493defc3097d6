// A Proxim guest in Java 17, by its standard library alone, and what drives it for a check:
// `proxim conform guest -- java docs/examples/ConformGuest.java`.

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.*;
import java.net.URI;
import java.net.http.*;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.function.BiConsumer;
import java.util.regex.*;

final class ConformGuest {
    public static void main(String[] arguments) throws IOException {
        drive(new Guest(ConformGuest::tell));
    }

    static void drive(Guest guest) throws IOException {
        var input = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line; (line = input.readLine()) != null; ) {
            Json order = Json.parse(line);
            switch (order.text("do")) {
                case "pair" -> guest.pair(order.text("link"), order.text("name"));
                case "send" -> guest.send(order.get("data"));
                case "close" -> guest.close();
                case "reload" -> guest.reload();
                default -> tell("unsupported", new Json().with("what", order.text("do")));
            }
        }
    }

    static synchronized void tell(String kind, Json fields) {
        System.out.writeBytes((fields.with("told", kind) + "\n").getBytes(UTF_8));
        System.out.flush();
    }
}

/** A guest of one session: it asks, waits for the approval, exchanges signals, and comes back. */
class Guest implements WebSocket.Listener {
    private static final Pattern LINK = Pattern.compile(
            "http(s?)://([^/?#][^?#]*?)/join/?([?][^#]*)?#([\\w-]{1,128})[.]([\\w.-]{1,512})");

    private static final Set<Integer> FINAL_CODES = Set.of(1002, 1007, 1009, 4000);
    protected final BiConsumer<String, Json> events;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Queue<String> unsent = new ArrayDeque<>();
    private final StringBuilder received = new StringBuilder();
    private URI node;
    private String sessionId, code, resumeToken; // An app keeps the token in its own storage.
    private Json request;
    private boolean isClosing, canCancel;
    protected boolean isSeated, isApproved, isOver, isHostOnline = true;
    private WebSocket socket;
    private CompletableFuture<?> sending;
    private int failures;

    Guest(BiConsumer<String, Json> events) { this.events = events; }

    synchronized void pair(String link, String name) {
        Matcher parts = LINK.matcher(link.strip());
        request = parts.matches() ? request(parts.group(4), parts.group(5), name) : null;
        if (request == null) {
            finish("error", "invalid_link");
            return;
        }
        sessionId = parts.group(4);
        node = URI.create("ws" + parts.group(1) + "://" + parts.group(2) + "/ws");
        connect();
    }

    /** Send a JSON value as soon as the session is approved and the guest has its seat. */
    synchronized void send(String data) {
        unsent.add(data);
        flush();
    }

    synchronized void close() {
        isClosing = true;
        flush();
    }

    /** Do as if the program had ended, and starts again with what it has stored. */
    synchronized void reload() {
        if (socket != null) socket.abort();
        socket = null;
        code = null;
        isApproved = isSeated = false;
        unsent.clear();
        connect();
    }

    /** Return the fields of `pair_request`, or null if the link is not valid. */
    protected Json request(String session, String token, String name) {
        Json device = new Json().with("name", name).with("id", UUID.randomUUID().toString());
        Json fields = new Json().with("token", token).raw("device_info", device);
        if (!token.contains(".")) return fields;
        events.accept("unsupported", new Json().with("what", "seal")); // A link of three parts.
        return null;
    }

    private void connect() {
        http.newWebSocketBuilder().subprotocols("proxim.v1").connectTimeout(Duration.ofSeconds(10))
                .buildAsync(node, this).whenComplete((opened, error) -> {
                    if (error != null) lost(socket, 1006);
                });
    }

    @Override public synchronized void onOpen(WebSocket opened) {
        socket = opened;
        sending = CompletableFuture.completedFuture(null);
        received.setLength(0);
        opened.request(1);
    }

    @Override
    public synchronized CompletionStage<?> onText(WebSocket from, CharSequence part, boolean last) {
        received.append(part);
        if (last && from == socket && !isOver) {
            Json message = Json.parse(received.toString());
            received.setLength(0);
            if (!message.has("session_id") || message.text("session_id").equals(sessionId)) {
                hear(message.text("type"), message);
                flush();
            }
        }
        from.request(1);
        return null;
    }

    @Override public CompletionStage<?> onClose(WebSocket from, int code, String reason) {
        lost(from, code);
        return null;
    }

    @Override public void onError(WebSocket from, Throwable error) { lost(from, 1006); }

    private synchronized void lost(WebSocket from, int closeCode) {
        if (from != socket || isOver) return;
        isSeated = false;
        if (FINAL_CODES.contains(closeCode)) {
            finish("error", closeCode == 4000 ? "replaced" : "connection_lost");
        } else {
            later(Math.min(60, Math.pow(2, failures++)) * (0.5 + Math.random() / 2), this::connect);
        }
    }

    /** Do the task in so many seconds, unless there is another connection by then. */
    private void later(double seconds, Runnable task) {
        WebSocket at = socket;
        long milliseconds = (long) (seconds * 1000);
        CompletableFuture.delayedExecutor(milliseconds, TimeUnit.MILLISECONDS).execute(() -> {
            synchronized (this) {
                if (at == socket && !isOver) task.run();
            }
        });
    }

    protected void hear(String type, Json message) {
        switch (type) {
            case "welcome" -> {
                canCancel = message.getOrDefault("features", "").contains("\"pair_cancel\"");
                takeSeat();
            }
            case "pair_pending" -> seated(message);
            case "resumed" -> {
                seated(message);
                result(Json.parse(message.get("session")).text("status"));
                peer(message.get("host_online").equals("true"));
            }
            case "pair_result" -> result(message.text("status"));
            case "signal" -> events.accept("signal", new Json().raw("data", message.get("data")));
            case "peer_online", "peer_offline" -> peer(type.equals("peer_online"));
            case "session_ended" -> finish("ended", message.text("reason"));
            case "error" -> refused(message);
            default -> { } // A message of a later version.
        }
    }

    private void takeSeat() {
        Json fields = resumeToken == null ? request : new Json().with("resume_token", resumeToken);
        say(fields == request ? "pair_request" : "resume", fields.with("ref", "seat"));
    }

    private void seated(Json message) {
        if (message.has("resume_token")) resumeToken = message.text("resume_token");
        isSeated = true;
        failures = 0;
        show(message.text("code"));
    }

    protected void show(String number) {
        if (number == null || number.equals(code)) return;
        code = number;
        events.accept("code", new Json().with("code", code));
    }

    private void result(String status) {
        if (isApproved || !status.equals("approved")) return;
        isApproved = true;
        events.accept("approved", new Json());
    }

    private void peer(boolean isOnline) {
        if (!isApproved || isOnline == isHostOnline) return;
        isHostOnline = isOnline;
        events.accept("peer", new Json().raw("online", isOnline));
    }

    private void refused(Json error) {
        if (!"seat".equals(error.text("ref"))) {
            events.accept("error", new Json().with("code", error.text("code"))); // Not the end.
        } else if (error.has("retry_after")) {
            later(Double.parseDouble(error.get("retry_after")), this::takeSeat);
        } else {
            finish("error", error.text("code"));
        }
    }

    private void flush() {
        if (!isSeated || isOver) return;
        while (isApproved && canSend() && !unsent.isEmpty()) {
            say("signal", new Json().raw("data", unsent.remove()));
        }
        if (isClosing && (isApproved || canCancel)) {
            say(isApproved ? "close_session" : "pair_cancel", new Json());
            isClosing = false;
        }
    }

    protected boolean canSend() { return true; }

    protected void say(String type, Json fields) {
        String text = fields.with("type", type).with("session_id", sessionId).toString();
        WebSocket to = socket;
        sending = sending.thenCompose(before -> to.sendText(text, true)); // One at a time.
    }

    protected void finish(String kind, String reason) {
        isOver = true;
        resumeToken = null;
        events.accept(kind, new Json().with(kind.equals("error") ? "code" : "reason", reason));
        if (socket != null) sending.thenCompose(before -> socket.sendClose(1000, ""));
    }
}

/** A JSON object. Its values stay the JSON texts that they are, so that signals are not changed. */
final class Json extends LinkedHashMap<String, String> {
    private static final Pattern TOKEN = Pattern.compile("\"([^\"\\\\]|\\\\.)*+\"|[\\[\\]{},:]");
    private static final Pattern ESCAPE = Pattern.compile("\\\\(u([0-9a-fA-F]{4})|.)");
    private static final Pattern ESCAPED = Pattern.compile("[\"\\\\\\x00-\\x1f]");

    /** Return the object that a text is. The text is JSON: the node has checked it. */
    static Json parse(String text) {
        Json json = new Json();
        Matcher token = TOKEN.matcher(text);
        String key = null;
        for (int depth = 0, start = 0; token.find(); ) {
            char first = token.group().charAt(0);
            depth -= "]}".indexOf(first) < 0 ? 0 : 1;
            if (depth == 1 && first == ':') {
                key = text.substring(start, token.start()).strip().replace("\"", "");
            } else if (key != null && (depth == 1 && first == ',' || depth == 0)) {
                json.put(key, text.substring(start, token.start()).strip());
            }
            depth += "[{".indexOf(first) < 0 ? 0 : 1;
            start = depth == 1 && ":,{".indexOf(first) >= 0 ? token.end() : start;
        }
        return json;
    }

    Json raw(String key, Object json) {
        put(key, json.toString());
        return this;
    }

    Json with(String key, String text) {
        return raw(key, '"' + ESCAPED.matcher(text).replaceAll(
                found -> String.format("\\\\u%04x", (int) found.group().charAt(0))) + '"');
    }

    /** Return whether there is a value. A field may also be left out by being null. */
    boolean has(String key) { return !getOrDefault(key, "null").equals("null"); }

    /** Return a text, without its quotes and escapes. */
    String text(String key) { return has(key) ? unquoted(get(key)) : null; }

    static String unquoted(String json) {
        return ESCAPE.matcher(json.substring(1, json.length() - 1)).replaceAll(found -> {
            String escape = found.group(1);
            int known = "bfnrt".indexOf(escape);
            String meant = found.group(2) != null ? "" + (char) Integer.parseInt(found.group(2), 16)
                    : known >= 0 ? "\b\f\n\r\t".substring(known, known + 1) : escape;
            return Matcher.quoteReplacement(meant);
        });
    }

    @Override public String toString() {
        var members = new StringJoiner(",", "{", "}");
        forEach((key, value) -> members.add('"' + key + "\":" + value)); // Keys need no escapes.
        return members.toString();
    }
}
