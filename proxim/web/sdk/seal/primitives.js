// What comes from npm. The other modules import it from here, so that one place names the bundle.

export {
  AEAD_ChaCha20Poly1305,
  chacha20poly1305,
  CipherSuite,
  hkdf,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  sha256,
  x25519,
} from "../../vendor/seal.js";
