// A Proxim guest of plain and sealed sessions in Java 17: `SealedGuest` adds to the `Guest` of
// ConformGuest.java what docs/reference/sealing.md asks of a guest. Seal.java has the cryptography.
// "Coming back" is left out: if a node forgets the session, the guest tells the error.
//
//     javac -d build docs/examples/*.java
//     proxim conform guest -- java -cp build ConformSealedGuest

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

final class ConformSealedGuest {
    public static void main(String[] arguments) throws IOException {
        ConformGuest.drive(new SealedGuest(ConformGuest::tell));
    }
}

/** A guest of a plain or a sealed session. */
final class SealedGuest extends Guest {
    private interface Step {
        void run() throws GeneralSecurityException;
    }

    private Seal seal; // Null in a plain session.
    private boolean comesBack; // It has to say hello as soon as the session is approved.
    private Instant nextNotice = Instant.MIN;

    SealedGuest(BiConsumer<String, Json> events) {
        super(events);
        tick();
    }

    @Override protected Json request(String sessionId, String token, String name) {
        String[] keys = token.split("[.]", -1);
        if (keys.length == 1) return super.request(sessionId, token, name);
        Json request = new Json();
        boolean isValid = opens(() -> {
            seal = new Seal(sessionId, keys, this::hello, Seal::random);
            request.putAll(super.request(sessionId, seal.token, "Sealed device"));
            request.with("seal", seal.request(name));
        });
        return isValid ? request : null;
    }

    @Override synchronized void reload() {
        comesBack = true;
        if (seal != null) seal.reload();
        super.reload();
    }

    @Override protected void hear(String type, Json message) {
        if (seal != null) {
            if (!type.equals("error")) message.remove("code"); // Only the ack brings the number.
            switch (type) {
                case "welcome" -> welcome(message);
                case "pair_ack" -> ack(message.text("seal"));
                case "pair_result" -> answer(message.text("status"), message);
                case "resumed" -> {
                    String status = Json.parse(message.get("session")).text("status");
                    ack(message.text("ack"));
                    answer(status, message);
                    comesBack |= status.equals("approved");
                }
                case "signal" -> signal(message);
                case "session_ended" -> ended(message);
                default -> { }
            }
            if (isOver || type.equals("signal") && !message.containsKey("data")) return;
        }
        super.hear(type, message);
        if (seal == null) return;
        if (!isHostOnline) seal.isStale = true;
        if (comesBack && isApproved && isHostOnline) {
            comesBack = false;
            opens(seal::start);
        }
    }

    private void welcome(Json message) {
        boolean carriesSeals = message.getOrDefault("features", "").contains("\"seal\"");
        if (!carriesSeals) finish("error", "seal_unavailable");
    }

    private void ack(String ack) {
        opens(() -> seal.ack(ack));
        if (!seal.isApproved) show(seal.number);
    }

    private void answer(String status, Json message) {
        if (!seal.isApproved) opens(() -> seal.answer(message.text("seal")));
        comesBack |= seal.isApproved && !seal.hasEpoch();
        if (status.equals("approved") && !seal.isApproved) leave("tampered");
    }

    /** Put the application's value in the place of the sealed one, or remove it. */
    private void signal(Json message) {
        String data = message.remove("data");
        boolean isRight = !isApproved || opens(() -> {
            String text = seal.receive(data);
            if (text != null) message.raw("data", text);
        });
        if (isRight || Instant.now().isBefore(nextNotice)) return;
        nextNotice = Instant.now().plusSeconds(60);
        events.accept("notice", new Json().with("notice", "tampered"));
    }

    private void ended(Json message) {
        boolean isRejected = message.text("reason").equals("rejected");
        if (isRejected && !seal.isDeclined) message.with("reason", "unconfirmed");
    }

    private void leave(String reason) {
        say("close_session", new Json());
        finish("ended", reason);
    }

    private void hello(Json hello) {
        super.say("signal", new Json().raw("data", hello));
    }

    @Override protected boolean canSend() {
        return seal == null || isHostOnline && !comesBack && seal.isReady();
    }

    @Override protected void say(String type, Json fields) {
        if (seal != null && type.equals("signal")) {
            boolean isSealed = opens(() -> fields.raw("data", seal.sealed(fields.get("data"))));
            if (!isSealed) throw new IllegalStateException("the signal cannot be sealed");
        }
        super.say(type, fields);
    }

    @Override protected void finish(String kind, String reason) {
        super.finish(kind, reason);
        if (seal != null) seal.forget();
    }

    /** Do each second what only time brings about. */
    private synchronized void tick() {
        if (isOver) return;
        if (seal != null && Instant.now().isAfter(seal.end)) leave("expired");
        if (isSeated && isHostOnline && seal != null && seal.isUnanswered()) opens(seal::start);
        CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS).execute(this::tick);
    }

    /** Return whether the step succeeds. It fails also if a value is missing or of another type. */
    private static boolean opens(Step step) {
        try {
            step.run();
            return true;
        } catch (GeneralSecurityException | RuntimeException error) {
            return false;
        }
    }
}
