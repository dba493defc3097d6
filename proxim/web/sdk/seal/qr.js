// The QR code of a sealed link. The host draws it itself, since the node must not know the link.

import { encodeQR } from "../../vendor/qr.js";

/** Modules of white around the code (ISO/IEC 18004, 9.1). */
const BORDER = 4;

/**
 * Return a link as a QR code in SVG, black on white on any background. Screens need the least error correction.
 * @param {string} link
 */
export function drawQr(link) {
  const rows = encodeQR(link, "raw", { ecc: "low", border: BORDER });
  const size = rows.length;
  const dark = rows.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
  const box = `viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${box}>` +
    `<path fill="#fff" d="M0 0h${size}v${size}h-${size}z"/><path d="${dark}"/></svg>`
  );
}
