// The types of what seal.js exports, as far as the SDK uses it.

type Bytes = Uint8Array;
type Key = object;
interface KeyPair {
  privateKey: Key;
  publicKey: Key;
}
interface Kem {
  DeriveKeyPair(ikm: Bytes, extractable: boolean): Promise<KeyPair>;
  GenerateKeyPair(extractable: boolean): Promise<KeyPair>;
}
interface Context {
  Seal(text: Bytes, aad?: Bytes): Promise<Bytes>;
  Open(ciphertext: Bytes, aad?: Bytes): Promise<Bytes>;
  Export(context: Bytes, length: number): Promise<Bytes>;
}
interface Options {
  info: Bytes;
  psk: Bytes;
  pskId: Bytes;
}

export class CipherSuite {
  constructor(kem: () => Kem, kdf: object, aead: object);
  DeserializePublicKey(key: Bytes): Promise<Key>;
  DeserializePrivateKey(key: Bytes, extractable: boolean): Promise<Key>;
  SetupSender(key: Key, options: Options): Promise<{ encapsulatedSecret: Bytes; ctx: Context }>;
  SetupRecipient(key: Key, enc: Bytes, options: Options): Promise<Context>;
}
export function KEM_DHKEM_X25519_HKDF_SHA256(): Kem;
export const KDF_HKDF_SHA256: object;
export const AEAD_ChaCha20Poly1305: object;

export function chacha20poly1305(key: Bytes, nonce: Bytes): { encrypt(text: Bytes): Bytes; decrypt(sealed: Bytes): Bytes };
export const x25519: { getPublicKey(secret: Bytes): Bytes; getSharedSecret(secret: Bytes, key: Bytes): Bytes };
export const sha256: (message: Bytes) => Bytes;
export function hkdf(hash: typeof sha256, ikm: Bytes, salt: Bytes | undefined, info: Bytes, length: number): Bytes;
