// The types of what qr.js exports, as far as the SDK uses it.

/** Return the modules of a QR code, row by row; true is dark. Throws an `Error` if the text is too long. */
export function encodeQR(text: string, output: "raw", options: { ecc: "low"; border: number }): boolean[][];
