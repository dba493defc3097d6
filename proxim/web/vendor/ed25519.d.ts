// The types of what ed25519.js exports, as far as the SDK uses it.

type Bytes = Uint8Array;

export const ed25519: {
  getPublicKey(secret: Bytes): Bytes;
  sign(text: Bytes, secret: Bytes): Bytes;
  verify(signature: Bytes, text: Bytes, key: Bytes, options: { zip215: boolean }): boolean;
};
