// Checks the names of devices, by the rules of `proxim/protocol/device_names.py` (protocol: Guest → node).
//
// A person approves a device by its displayed name. So a name must be visible, and must not control the screen,
// hide a part of itself, change the reading order, or cover the text beside it.

/** Canonical_Combining_Class Virama. */
const VIRAMAS =
  "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d3b\u0d3c\u0d4d\u0dca\u0e3a\u0eba\u0f84\u1039" +
  "\u103a\u1714\u1715\u1734\u17d2\u1a60\u1b44\u1baa\u1bab\u1bf2\u1bf3\u2d7f\ua806\ua82c\ua8c4\ua953" +
  "\ua9c0\uaaf6\uabed\u{10a3f}\u{11046}\u{11070}\u{1107f}\u{110b9}\u{11133}\u{11134}\u{111c0}" +
  "\u{11235}\u{112ea}\u{1134d}\u{11442}\u{114c2}\u{115bf}\u{1163f}\u{116b6}\u{1172b}\u{11839}" +
  "\u{1193d}\u{1193e}\u{119e0}\u{11a34}\u{11a47}\u{11a99}\u{11c3f}\u{11d44}\u{11d45}\u{11d97}" +
  "\u{11f41}\u{11f42}";

/** Joining_Type L or D: joins the letter after it. */
const JOINS_LEFT =
  "\u0620\u0626\u0628\u062a-\u062e\u0633-\u063f\u0641-\u0647\u0649\u064a\u066e\u066f\u0678-\u0687" +
  "\u069a-\u06bf\u06c1\u06c2\u06cc\u06ce\u06d0\u06d1\u06fa-\u06fc\u06ff\u0712-\u0714\u071a-\u071d" +
  "\u071f-\u0727\u0729\u072b\u072d\u072e\u074e-\u0758\u075c-\u076a\u076d-\u0770\u0772\u0775-\u0777" +
  "\u077a-\u077f\u07ca-\u07ea\u0841-\u0845\u0848\u084a-\u0853\u0855\u0860\u0862-\u0865\u0868\u0886" +
  "\u0889-\u088d\u088f\u08a0-\u08a9\u08af\u08b0\u08b3-\u08b8\u08ba-\u08c8\u1807\u1820-\u1878" +
  "\u1887-\u18a8\u18aa\ua840-\ua872\u{10ac0}-\u{10ac4}\u{10acd}\u{10ad3}-\u{10adc}" +
  "\u{10ade}-\u{10ae0}\u{10aeb}-\u{10aee}\u{10b80}\u{10b82}\u{10b86}-\u{10b88}\u{10b8a}\u{10b8b}" +
  "\u{10b8d}\u{10b90}\u{10bad}\u{10bae}\u{10d00}-\u{10d21}\u{10d23}\u{10ec3}\u{10ec4}\u{10ec6}" +
  "\u{10ec7}\u{10ed9}-\u{10eee}\u{10f30}-\u{10f32}\u{10f34}-\u{10f44}\u{10f51}-\u{10f53}" +
  "\u{10f70}-\u{10f73}\u{10f76}-\u{10f81}\u{10fb0}\u{10fb2}\u{10fb3}\u{10fb8}\u{10fbb}\u{10fbc}" +
  "\u{10fbe}\u{10fbf}\u{10fc1}\u{10fc4}\u{10fca}\u{10fcb}\u{1e900}-\u{1e943}";

/** Joining_Type R or D: joins the letter before it. */
const JOINS_RIGHT =
  "\u0620\u0622-\u063f\u0641-\u064a\u066e\u066f\u0671-\u0673\u0675-\u06d3\u06d5\u06ee\u06ef" +
  "\u06fa-\u06fc\u06ff\u0710\u0712-\u072f\u074d-\u077f\u07ca-\u07ea\u0840-\u0858\u0860\u0862-\u0865" +
  "\u0867-\u086a\u0870-\u0882\u0886\u0889-\u088f\u08a0-\u08ac\u08ae-\u08c8\u1807\u1820-\u1878" +
  "\u1887-\u18a8\u18aa\ua840-\ua871\u{10ac0}-\u{10ac5}\u{10ac7}\u{10ac9}\u{10aca}" +
  "\u{10ace}-\u{10ad6}\u{10ad8}-\u{10ae1}\u{10ae4}\u{10aeb}-\u{10aef}\u{10b80}-\u{10b91}" +
  "\u{10ba9}-\u{10bae}\u{10d01}-\u{10d23}\u{10ec2}-\u{10ec4}\u{10ec6}\u{10ec7}\u{10f30}-\u{10f44}" +
  "\u{10f51}-\u{10f54}\u{10f70}-\u{10f81}\u{10fb0}\u{10fb2}-\u{10fb6}\u{10fb8}-\u{10fbf}" +
  "\u{10fc1}-\u{10fc4}\u{10fc9}\u{10fca}\u{1e900}-\u{1e943}";

const MAX_MARKS = 2;
const UNWANTED = /^[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]$/u;
const VISIBLE = /^[\p{L}\p{N}\p{P}\p{S}]$/u;
/** Characters without ink: an empty Braille pattern, a null notehead, and hieroglyphic blanks. */
const BLANK = ["\u2800", "\u{1d159}", "\u{13441}", "\u{13442}"];
const MARK = /^[\p{Mn}\p{Me}]$/u;
const EMOJI = /^\p{Extended_Pictographic}$/u;
const AFTER_EMOJI = /^[\ufe0f\u{1f3fb}-\u{1f3ff}]$/u;
/** What the presentation selectors may follow: an emoji, or a keycap's key. */
const PRESENTED = /^[\p{Extended_Pictographic}0-9#*]$/u;
const IS_VIRAMA = new RegExp(`^[${VIRAMAS}]$`, "u");
const JOINS_NEXT = new RegExp(`^[${JOINS_LEFT}]$`, "u");
const JOINS_PREVIOUS = new RegExp(`^[${JOINS_RIGHT}]$`, "u");
const NON_JOINER = "\u200c";
const JOINER = "\u200d";

/** Return what is not allowed in a name, in words; null if it may be displayed. @param {string} name */
export function nameFault(name) {
  const chars = [...name];
  let marks = 0;
  let isVisible = false;
  for (const [at, char] of chars.entries()) {
    if (UNWANTED.test(char)) {
      if (!isNeeded(chars, at)) return "a character that is invisible, or that controls the display";
    } else if (VISIBLE.test(char) && !BLANK.includes(char)) {
      isVisible = true;
    }
    marks = MARK.test(char) ? marks + 1 : 0;
    if (marks > MAX_MARKS) return `more than ${MAX_MARKS} combining marks in a row`;
  }
  return isVisible ? null : "no visible character";
}

/** Return whether an invisible character changes how those beside it are drawn. @param {string[]} chars @param {number} at */
function isNeeded(chars, at) {
  const char = chars[at];
  if (char === "\ufe0e" || char === "\ufe0f") return PRESENTED.test(chars[at - 1] ?? "");
  if (char === JOINER) return joinsEmoji(chars, at) || IS_VIRAMA.test(chars[at - 1] ?? "");
  return char === NON_JOINER && joinsLetters(chars, at);
}

/** Return whether a joiner stands between two emoji (UAX 29, GB11). @param {string[]} chars @param {number} at */
function joinsEmoji(chars, at) {
  const before = AFTER_EMOJI.test(chars[at - 1] ?? "") ? at - 2 : at - 1;
  return EMOJI.test(chars[before] ?? "") && EMOJI.test(chars[at + 1] ?? "");
}

/** Return whether a script needs a non-joiner there (RFC 5892, A.1). @param {string[]} chars @param {number} at */
function joinsLetters(chars, at) {
  if (IS_VIRAMA.test(chars[at - 1] ?? "")) return true;
  const isBase = (/** @type {string} */ char) => !MARK.test(char);
  const before = chars.slice(0, at).findLast(isBase) ?? "";
  const after = chars.slice(at + 1).find(isBase) ?? "";
  return JOINS_NEXT.test(before) && JOINS_PREVIOUS.test(after);
}
