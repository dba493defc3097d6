// Writes the two files that are generated from the types and the JSDoc of the browser SDK:
// proxim/web/proxim.d.ts and docs/reference/proxim-js.md.
//
//     node docs/proxim_js.mjs           write them
//     node docs/proxim_js.mjs --check   fail if one of them is not current

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const ts = createRequire(path("tests/browser/package.json"))("typescript");

const SOURCE = path("proxim/web/proxim.js");
const TYPES = path("proxim/web/proxim.d.ts");
const PAGE = path("docs/reference/proxim-js.md");

const HEAD = `# proxim.js

The browser SDK: one ES module without dependencies, served by every node at \`/proxim.js\`. [Pair from a
browser](../howto/browser.md) shows how to use it. This page is generated from the comments of the SDK's modules.
`;

const parse = (text) => ts.createSourceFile("proxim.d.ts", text, ts.ScriptTarget.Latest, true);

/** Return the compiler's declarations of all modules by their paths, after a strict check. */
function declarations() {
  const { config } = ts.readConfigFile(path("proxim/web/tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, path("proxim/web"));
  const program = ts.createProgram([SOURCE], {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  });
  const faults = ts.getPreEmitDiagnostics(program);
  if (faults.length > 0) {
    throw new Error(ts.formatDiagnostics(faults, ts.createCompilerHost(options)));
  }
  const trees = new Map();
  program.emit(undefined, (name, written) => trees.set(name, parse(written)));
  return trees;
}

/** Return the declarations for users as one file: the exports of proxim.js in its order, and the types. */
function published(trees) {
  const all = [...trees.values()].flatMap(({ statements }) => [...statements]);
  const names = trees
    .get(TYPES)
    .statements.flatMap(({ exportClause }) => exportClause.elements.map(({ name }) => name.text));
  const exported = names.map((name) => all.find((each) => each.name?.text === name));
  const types = trees.get(path("proxim/web/sdk/types.d.ts")).statements.filter(ts.isTypeAliasDeclaration);
  const parts = [...exported, ...types].map((each) => withoutInternals(each).trim());
  const text = `// Made from proxim.js by \`make sdk-types\`.\n${parts.join("\n")}\nexport {};\n`;
  // In one file the modules need no imports from each other.
  return text.replace(/^\/\*\* @import .* \*\/\n/gm, "");
}

const isInternal = (node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "internal");

/** Return a declaration's text, without the internal members of a class. */
function withoutInternals(statement) {
  const begin = statement.getFullStart();
  let text = statement.getFullText();
  if (!ts.isClassDeclaration(statement)) return text;
  for (const member of statement.members.filter(isInternal).reverse()) {
    const instead = ts.isConstructorDeclaration(member) ? "\n    protected constructor();" : "";
    text = text.slice(0, member.getFullStart() - begin) + instead + text.slice(member.end - begin);
  }
  return text;
}

const EVENT_HANDLER = /^on[a-z]+$/;

/** Return the declarations with an event map for each class that has handlers, and typed listeners. */
function withListeners(text) {
  const classes = parse(text).statements.filter(ts.isClassDeclaration);
  const mapped = classes.filter(({ members }) => members.some((each) => EVENT_HANDLER.test(nameOf(each))));
  const names = mapped.map(nameOf);
  for (const node of mapped.reverse()) {
    const base = node.heritageClauses?.[0]?.types[0]?.expression.getText();
    const begin = node.getStart(undefined, true);
    const map = eventMap(node, names.includes(base) ? base : "");
    text = `${text.slice(0, begin)}${map}${text.slice(begin, node.end - 1)}${listeners(nameOf(node))}${text.slice(node.end - 1)}`;
  }
  return text;
}

/** Return the events of a class by their types, from the types of its handlers. */
function eventMap(node, base) {
  const name = nameOf(node);
  const rows = node.members
    .filter((member) => EVENT_HANDLER.test(nameOf(member)))
    .map((member) => {
      const handler = member.type.types.find(ts.isParenthesizedTypeNode).type;
      return `    ${nameOf(member).slice(2)}: ${flat(handler.parameters[0].type.getText())};\n`;
    });
  const head = `/** The events of \`${name}\`, for its \`addEventListener\`. */\nexport interface ${name}EventMap`;
  return `${head}${base ? ` extends ${base}EventMap` : ""} {\n${rows.join("")}}\n`;
}

/** Return the declarations of a class that take listeners of its own events only. */
function listeners(name) {
  const one = (method, options) =>
    `    ${method}<K extends keyof ${name}EventMap>(type: K, ` +
    `listener: ((this: ${name}, event: ${name}EventMap[K]) => unknown) | { handleEvent(event: ${name}EventMap[K]): unknown } | null, ` +
    `options?: boolean | ${options}): void;\n`;
  return one("addEventListener", "AddEventListenerOptions") + one("removeEventListener", "EventListenerOptions");
}

// -- the page --------------------------------------------------------------------------------

const flat = (text) => text.replace(/\s+/g, " ").trim();

/** Return a comment's text, with its paragraphs and lists. */
function told(node) {
  const comment = node.jsDoc?.at(-1)?.comment;
  return (typeof comment === "string" ? comment : (ts.getTextOfJSDocComment(comment) ?? "")).trim();
}

function tags(node, name) {
  return ts
    .getJSDocTags(node)
    .filter(({ tagName }) => tagName.text === name)
    .map((tag) => ts.getTextOfJSDocComment(tag.comment) ?? "");
}

const signature = (node) =>
  flat(node.getText().replace(/^export (declare )?(function )?/, "").replace(/;$/, ""));

function errors(node) {
  const [thrown] = ts.getJSDocTags(node).filter(({ tagName }) => tagName.text === "throws");
  return thrown ? [`Throws or rejects with ${flat(ts.getTextOfJSDocComment(thrown.comment) ?? "")}`.replace(/\.?$/, ".")] : [];
}

const example = (node) => tags(node, "example").map((code) => `\`\`\`js\n${code.trim()}\n\`\`\``);

function parameters(node) {
  return ts
    .getJSDocTags(node)
    .filter(ts.isJSDocParameterTag)
    .map((tag) => [tag.name.getText(), flat(ts.getTextOfJSDocComment(tag.comment) ?? "")])
    .filter(([, words]) => words)
    .map(([name, words]) => `- \`${name}\`: ${words}`)
    .join("\n");
}

function callable(node) {
  return [
    `\`\`\`ts\n${signature(node)}\n\`\`\``,
    told(node),
    parameters(node),
    ...errors(node),
    ...example(node),
  ].filter(Boolean);
}

const nameOf = (node) => node.name?.getText() ?? "";
/** Return the description of a property: its comment, or that of its `@type` or `@returns`. */
const about = (node) => flat(told(node) || (tags(node, "type")[0] ?? "") || (tags(node, "returns")[0] ?? ""));
const cell = (text) => flat(text).replaceAll("|", "\\|");

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function classPage(node) {
  const base = node.heritageClauses?.[0]?.types[0]?.expression.getText();
  const members = node.members.filter((member) => !nameOf(member).startsWith("#"));
  const fields = members.filter((each) => ts.isPropertyDeclaration(each) || ts.isGetAccessorDeclaration(each));
  const events = fields.filter((field) => EVENT_HANDLER.test(nameOf(field)));
  const others = fields.filter((field) => !events.includes(field) && told(field) + about(field));
  const made = members.find((each) => ts.isConstructorDeclaration(each) && !/^protected/.test(each.getText()));
  const methods = members.filter(ts.isMethodDeclaration);
  const type = (field) => cell(field.type?.getText() ?? "");
  return [
    `## ${nameOf(node)}`,
    base ? `Extends \`${base}\`. ${told(node)}` : told(node),
    ...example(node),
    ...(made ? [`### new ${nameOf(node)}`, ...callable(made).map((part) => part.replace("constructor(", `new ${nameOf(node)}(`))] : []),
    ...(others.length ? [table(["property", "type", "meaning"], others.map((field) => [`\`${nameOf(field)}\``, `\`${type(field)}\``, cell(about(field))]))] : []),
    ...(events.length ? [table(["handler", "event"], events.map((field) => [`\`${nameOf(field)}\``, cell(told(field))]))] : []),
    ...methods.flatMap((method) => [`### ${nameOf(node)}.${nameOf(method)}`, ...callable(method)]),
  ];
}

function page(types) {
  const { statements } = parse(types);
  const classes = statements.filter(ts.isClassDeclaration);
  const order = ["Host", "HostSession", "Prompt", "Guest", "Session", "ProximError"];
  const sorted = order.map((name) => classes.find((each) => nameOf(each) === name));
  const functions = statements.filter(ts.isFunctionDeclaration);
  const aliases = statements.filter((each) => ts.isTypeAliasDeclaration(each));
  const parts = [
    HEAD.trim(),
    ...sorted.flatMap(classPage),
    "## Functions",
    ...functions.flatMap((each) => [`### ${nameOf(each)}`, ...callable(each)]),
    "## Types",
    ...aliases.flatMap((each) => [`### ${nameOf(each)}`, `\`\`\`ts\n${flat(each.getText().replace(/^export /, ""))}\n\`\`\``, told(each)]),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

const types = published(declarations());
const contents = [
  [TYPES, withListeners(types)],
  [PAGE, page(types)],
];
let drifted = false;
for (const [file, text] of contents) {
  let old = "";
  try {
    old = readFileSync(file, "utf8");
  } catch {
    // Not written yet.
  }
  if (old === text) continue;
  drifted = true;
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  console.log(`${process.argv.includes("--check") ? "not current" : "written"}: ${file}`);
}
process.exitCode = drifted && process.argv.includes("--check") ? 1 : 0;
