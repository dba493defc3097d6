// Drives `Seal` of docs/examples/Seal.java with the vectors. A line of input is a step as JSON; a line
// of output is its result, or "does not open".

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.*;
import java.security.GeneralSecurityException;
import java.util.*;

final class SealVectors {
    private static final Deque<byte[]> RANDOM = new ArrayDeque<>();
    private static final List<String> HELLOS = new ArrayList<>();
    private static Seal seal;

    public static void main(String[] arguments) throws IOException {
        var input = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String line; (line = input.readLine()) != null; ) {
            String result;
            try {
                result = String.valueOf(run(Json.parse(line)));
            } catch (GeneralSecurityException | RuntimeException error) {
                result = "does not open";
            }
            System.out.writeBytes((result + "\n").getBytes(UTF_8));
            System.out.flush();
        }
    }

    private static Object run(Json step) throws GeneralSecurityException {
        String text = step.text("text");
        return switch (step.text("do")) {
            case "random" -> RANDOM.add(HexFormat.of().parseHex(text));
            case "link" -> {
                String[] keys = text.split("[.]");
                seal = new Seal(keys[0], Arrays.copyOfRange(keys, 1, keys.length),
                        hello -> HELLOS.add(hello.toString()), RANDOM::remove);
                yield seal.token;
            }
            case "request" -> seal.request(text);
            case "ack" -> {
                seal.ack(text);
                yield seal.number;
            }
            case "answer" -> {
                seal.answer(text);
                yield seal.isApproved;
            }
            case "start" -> {
                seal.start();
                yield true;
            }
            case "sealed" -> seal.sealed(text);
            case "receive" -> seal.receive(text);
            case "name" -> Seal.isName(text);
            case "hello" -> HELLOS.remove(0);
            default -> throw new IllegalArgumentException(text);
        };
    }
}
