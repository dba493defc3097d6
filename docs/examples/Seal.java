import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.security.*;
import java.security.spec.*;
import java.text.Normalizer;
import java.time.Instant;
import java.util.*;
import java.util.function.*;
import java.util.regex.Pattern;
import javax.crypto.*;
import javax.crypto.spec.*;

/**
 * The guest's secrets of a sealed session, by the names of docs/reference/sealing.md.
 *
 * <p>What does not open raises a GeneralSecurityException or, for a value of the wrong type, a
 * RuntimeException.
 */
final class Seal {
    private static final byte[] ZEROS = new byte[32], NOTHING = {};
    private static final byte[] KEM = join(utf8("KEM"), u16(0x20));
    private static final byte[] SUITE = join(utf8("HPKE"), u16(0x20), u16(1), u16(3));
    private static final Pattern TEXT =
            Pattern.compile("\"([^\"\\\\\\x00-\\x1f]|\\\\([\"\\\\/bfnrt]|u[0-9a-fA-F]{4}))*+\"");
    private static final Pattern WORD =
            Pattern.compile("true|false|null|-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?");
    private static final Pattern FLAT = Pattern.compile(
            "\\[((0|\"\")(,(0|\"\"))*+)?\\]|\\{(\"\":(0|\"\")(,\"\":(0|\"\"))*+)?\\}");
    private static final Pattern BAD_NAME = Pattern.compile(
            "[\\p{C}\\p{Zl}\\p{Zp}&&[^\\u200c\\u200d]]"
            + "|[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\uffa0\\ufe00-\\ufe0d]"
            + "|[\\x{e0000}-\\x{e0fff}]|[\\p{Mn}\\p{Me}]{3}");
    private static final Pattern VISIBLE =
            Pattern.compile("[\\p{L}\\p{N}\\p{P}\\p{S}&&[^\\u2800\\x{1d159}\\x{13441}\\x{13442}]]");

    final String token;
    String number; // Null until the ack has opened.
    boolean isApproved, isDeclined, isStale;
    Instant end = Instant.MAX;
    private final Consumer<Json> hellos;
    private final Supplier<byte[]> random;
    private final byte[] hostKey, psk, pskId, info;
    private byte[] s, own, hostOwn; // S, the private key of k_g until the approval, and k_h.
    private byte[] toHost, toGuest, epoch, adopted;
    private long sent, opened;
    private byte[] out, last;
    private Instant outSince;
    private final Queue<Instant> answered = new ArrayDeque<>();

    Seal(String sessionId, String[] keys, Consumer<Json> hellos, Supplier<byte[]> random)
            throws GeneralSecurityException {
        check(sessionId.length() >= 16 && keys.length == 2);
        byte[] seed = decode(keys[0], 32);
        hostKey = decode(keys[1], 32);
        token = encode(kdf(seed, 32, "token"));
        psk = kdf(seed, 32, "psk");
        pskId = utf8(encode(MessageDigest.getInstance("SHA-256").digest(utf8(token))));
        info = info("hpke", utf8(sessionId));
        this.hellos = hellos;
        this.random = random;
    }

    /** Return the seal of `pair_request`: HPKE, by the names of RFC 9180. */
    String request(String name) throws GeneralSecurityException {
        own = random.get();
        byte[] derived = extract(KEM, ZEROS, "dkp_prk", random.get());
        byte[] ephemeral = expand(KEM, derived, "sk", NOTHING, 32);
        byte[] enc = publicKey(ephemeral);
        byte[] dh = extract(KEM, ZEROS, "eae_prk", x25519(ephemeral, hostKey));
        byte[] shared = expand(KEM, dh, "shared_secret", join(enc, hostKey), 32);
        byte[] context = join(new byte[] {1}, extract(SUITE, ZEROS, "psk_id_hash", pskId),
                extract(SUITE, ZEROS, "info_hash", info));
        byte[] secret = extract(SUITE, shared, "secret", psk);
        byte[] key = expand(SUITE, secret, "key", context, 32);
        byte[] nonce = expand(SUITE, secret, "base_nonce", context, 12);
        s = expand(SUITE, expand(SUITE, secret, "exp", context, 32), "sec", info("S"), 32);
        Json text = new Json().raw("v", 1)
                .with("name", Normalizer.normalize(name, Normalizer.Form.NFC))
                .with("k", encode(publicKey(own)));
        byte[] padded = Arrays.copyOf(utf8(text + " ".repeat(640)), 640);
        return encode(join(new byte[] {1}, enc, aead(Cipher.ENCRYPT_MODE, key, nonce, padded)));
    }

    /** Take the first ack that opens; it brings the number to show. */
    void ack(String seal) throws GeneralSecurityException {
        check(hostOwn == null);
        byte[] key = open("ack", decode(seal, 80));
        x25519(own, key);
        hostOwn = key;
        BigInteger code = new BigInteger(1, kdf(s, 8, "code", key)).mod(BigInteger.valueOf(900));
        number = String.valueOf(100 + code.intValue());
    }

    void answer(String seal) throws GeneralSecurityException {
        String text = text(open("answer", decode(seal, 1072)), 32);
        Json answer = Json.parse(text);
        String yes = answer.get("yes"), left = answer.get("left"), name = answer.text("name");
        check(text.startsWith("{") && answer.get("v").equals("1") && isName(name));
        check(Set.of("one_time", "persistent", "temporary").contains(answer.text("type")));
        check(yes.equals("true") || yes.equals("false"));
        double seconds = left.equals("null") ? 1e9 : Double.parseDouble(left);
        check(seconds >= 0 && seconds < Double.POSITIVE_INFINITY);
        isDeclined = yes.equals("false");
        if (isDeclined) return;
        if (hostOwn != null) adopt(own, hostOwn); // Else the node has dropped the ack.
        own = null;
        end = Instant.now().plusMillis((long) (Math.min(seconds, 1e9) * 1000));
        isApproved = true;
    }

    /** Forget what an app does not store. */
    void reload() {
        toHost = toGuest = epoch = adopted = out = last = null;
    }

    void forget() {
        reload();
        s = own = null;
    }

    boolean hasEpoch() {
        return epoch != null;
    }

    boolean isReady() {
        return hasEpoch() && out == null && !isStale;
    }

    boolean isUnanswered() {
        return out != null && outSince.plusSeconds(10).isBefore(Instant.now());
    }

    private void adopt(byte[] key, byte[] peer) throws GeneralSecurityException {
        byte[] mine = publicKey(key);
        byte[] x = kdf(join(x25519(key, peer), s), 72, "epoch", mine, peer);
        toHost = Arrays.copyOfRange(x, 0, 32);
        toGuest = Arrays.copyOfRange(x, 32, 64);
        epoch = Arrays.copyOfRange(x, 64, 72);
        adopted = join(mine, peer);
        sent = 0;
        opened = -1;
        isStale = false;
    }

    void start() throws GeneralSecurityException {
        renew();
        last = null;
        hello(ZEROS);
    }

    private void renew() {
        out = random.get();
        outSince = Instant.now();
    }

    private void hello(byte[] r) throws GeneralSecurityException {
        byte[] salt = random.get();
        byte[] key = kdf(s, 32, "box", utf8("hello"), utf8("g"), salt);
        byte[] box = aead(Cipher.ENCRYPT_MODE, key, new byte[12], join(publicKey(out), r));
        hellos.accept(new Json().raw("s", 1).with("h", encode(join(salt, box))));
    }

    private void hear(byte[] k, byte[] r) throws GeneralSecurityException {
        Instant now = Instant.now();
        answered.removeIf(each -> each.isBefore(now.minusSeconds(1)));
        if (out != null && Arrays.equals(r, publicKey(out))) {
            adopt(out, k);
            if (!Arrays.equals(last, k)) hello(k);
            out = null;
        } else if (!Arrays.equals(adopted, join(r, k)) && answered.size() < 5) {
            answered.add(now);
            if (out == null) renew();
            last = k;
            hello(k);
        }
    }

    /** Return the `data` of a signal. */
    Json sealed(String text) throws GeneralSecurityException {
        byte[] c = aead(Cipher.ENCRYPT_MODE, toHost, nonce(sent), utf8(text));
        Json data = new Json().raw("s", 1).with("e", encode(epoch));
        return data.raw("n", sent++).with("c", encode(c));
    }

    /** Return the JSON text of a signal, or null if it is a hello or has to be dropped. */
    String receive(String signal) throws GeneralSecurityException {
        Json data = Json.parse(signal);
        check(data.get("s").equals("1"));
        if (data.containsKey("h")) {
            byte[] keys = open("hello", decode(data.text("h"), 112));
            hear(Arrays.copyOf(keys, 32), Arrays.copyOfRange(keys, 32, 64));
            return null;
        }
        byte[] e = decode(data.text("e"), 8);
        check(data.get("n").matches("0|[1-9][0-9]{0,15}") && data.get("c").startsWith("\""));
        long n = Long.parseLong(data.get("n"));
        check(n < 1L << 53);
        if (!Arrays.equals(e, epoch) || n <= opened) return null; // From before, or twice.
        byte[] c = decode(data.text("c"), -1);
        byte[] text = aead(Cipher.DECRYPT_MODE, toGuest, nonce(n), c);
        opened = n;
        return text(text, 31);
    }

    private byte[] open(String kind, byte[] box) throws GeneralSecurityException {
        byte[] salt = Arrays.copyOf(box, 32);
        byte[] key = kdf(s, 32, "box", utf8(kind), utf8("h"), salt);
        byte[] sealed = Arrays.copyOfRange(box, 32, box.length);
        return aead(Cipher.DECRYPT_MODE, key, new byte[12], sealed);
    }

    /** Return the text, if it is UTF-8 and JSON that is nested at most so many levels deep. */
    private static String text(byte[] bytes, int depth) throws GeneralSecurityException {
        String text = new String(bytes, UTF_8);
        check(Arrays.equals(bytes, utf8(text)));
        String flat = TEXT.matcher(text).replaceAll(found -> {
            boolean isWhole = UTF_8.newEncoder().canEncode(Json.unquoted(found.group()));
            return isWhole ? "\"\"" : "half a surrogate pair";
        });
        flat = WORD.matcher(flat).replaceAll("0").replaceAll("[ \t\r\n]", "");
        for (int level = 0; level < depth; level++) {
            flat = FLAT.matcher(flat).replaceAll("0");
        }
        check(flat.equals("0") || flat.equals("\"\""));
        return text;
    }

    /**
     * Return whether a name keeps the rules for names, apart from where joiners and variation
     * selectors may stand: Java 17 has no tables for that. A program that shows it removes them.
     */
    static boolean isName(String name) {
        int length = name.codePointCount(0, name.length());
        return length <= 64 && VISIBLE.matcher(name).find() && !BAD_NAME.matcher(name).find();
    }

    static byte[] random() {
        byte[] bytes = new byte[32];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    private static void check(boolean isRight) throws GeneralSecurityException {
        if (!isRight) throw new GeneralSecurityException("does not open");
    }

    private static byte[] utf8(String text) {
        return text.getBytes(UTF_8);
    }

    private static byte[] u16(int number) {
        return new byte[] {(byte) (number >> 8), (byte) number};
    }

    private static byte[] join(byte[]... parts) {
        var bytes = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            bytes.writeBytes(part);
        }
        return bytes.toByteArray();
    }

    private static byte[] info(String name, byte[]... fields) {
        byte[] info = join(u16(13), utf8("proxim seal 1"), u16(name.length()), utf8(name));
        for (byte[] field : fields) {
            info = join(info, u16(field.length), field);
        }
        return info;
    }

    private static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    /** Return the bytes of a base64url text that has only one form; any length if it is -1. */
    private static byte[] decode(String text, int length) throws GeneralSecurityException {
        byte[] bytes = Base64.getUrlDecoder().decode(text);
        check(encode(bytes).equals(text) && (length < 0 || bytes.length == length));
        return bytes;
    }

    private static byte[] hmac(byte[] key, byte[]... parts) throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(join(parts));
    }

    private static byte[] hkdfExpand(byte[] key, byte[] info, int length)
            throws GeneralSecurityException {
        byte[] block = NOTHING, whole = NOTHING;
        for (byte i = 1; whole.length < length; i++) {
            block = hmac(key, block, info, new byte[] {i});
            whole = join(whole, block);
        }
        return Arrays.copyOf(whole, length);
    }

    private static byte[] kdf(byte[] key, int length, String name, byte[]... fields)
            throws GeneralSecurityException {
        return hkdfExpand(hmac(ZEROS, key), info(name, fields), length);
    }

    private static byte[] extract(byte[] suite, byte[] salt, String label, byte[] key)
            throws GeneralSecurityException {
        return hmac(salt, utf8("HPKE-v1"), suite, utf8(label), key);
    }

    private static byte[] expand(byte[] suite, byte[] key, String label, byte[] info, int length)
            throws GeneralSecurityException {
        byte[] labeled = join(u16(length), utf8("HPKE-v1"), suite, utf8(label), info);
        return hkdfExpand(key, labeled, length);
    }

    private static byte[] nonce(long n) {
        return ByteBuffer.allocate(12).putInt(0).putLong(n).array();
    }

    private static byte[] aead(int mode, byte[] key, byte[] nonce, byte[] text)
            throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("ChaCha20-Poly1305");
        cipher.init(mode, new SecretKeySpec(key, "ChaCha20"), new IvParameterSpec(nonce));
        return cipher.doFinal(text);
    }

    private static byte[] publicKey(byte[] key) throws GeneralSecurityException {
        byte[] nine = new byte[32];
        nine[0] = 9;
        return x25519(key, nine);
    }

    /** Return X25519 of a private and a public key. Java itself refuses a result of zeros. */
    private static byte[] x25519(byte[] key, byte[] peer) throws GeneralSecurityException {
        byte[] pkcs8 = join(HexFormat.of().parseHex("302e020100300506032b656e04220420"), key);
        byte[] x509 = join(HexFormat.of().parseHex("302a300506032b656e032100"), peer);
        KeyFactory keys = KeyFactory.getInstance("X25519");
        KeyAgreement agreement = KeyAgreement.getInstance("X25519");
        agreement.init(keys.generatePrivate(new PKCS8EncodedKeySpec(pkcs8)));
        agreement.doPhase(keys.generatePublic(new X509EncodedKeySpec(x509)), true);
        return agreement.generateSecret();
    }
}
