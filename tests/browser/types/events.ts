// What TypeScript accepts of the SDK's users, and what it refuses. The compiler also reports an
// expected error that does not happen.

import { connect, grants, Guest, Host, HostSession, type Prompt, type ProximError, Session } from "proxim";

const host = new Host("https://node.example");
const guest = new Guest("https://node.example/join#x");

async function events(session: HostSession) {
  session.addEventListener("prompt", (event) => event.approve());
  session.addEventListener("prompt", async (prompt: Prompt) => prompt.decline(), { once: true });
  session.addEventListener("signal", ({ data }) => data.anything);
  session.addEventListener("connected", ({ channel }) => channel.send("hello"));
  session.addEventListener("over", ({ error }) => error.reason?.length);
  session.addEventListener("presence", ({ online, replaced }) => [online, replaced] satisfies boolean[]);
  session.addEventListener("notice", ({ notice, missed }) => [notice === "tampered", missed > 0]);
  session.addEventListener("contested", (event) => event.timeStamp, true);
  session.addEventListener("link", { handleEvent: (event) => event.type });
  session.addEventListener("link", function () {
    this.link?.length;
  });
  host.addEventListener("session", ({ session }) => session.addEventListener("rtc", ({ pc }) => pc.restartIce()));
  host.addEventListener("visit", ({ session, device }) => [session.device?.name, device.policy === "auto"]);
  host.addEventListener("devicenotice", ({ device, notice }) => [device.name, notice === "copied"]);
  session.addEventListener("prompt", (prompt) => {
    if (prompt.isSilent) return undefined;
    if (prompt.canRemember) return prompt.approve("123", { remember: { name: "My phone", days: 30, policy: "auto" } });
    return prompt.device && host.forget(prompt.device.id);
  });
  for (const grant of await grants("https://node.example")) await connect(grant, { name: "Phone" });
  host.addEventListener("reachable", ({ online }) => online satisfies boolean);
  guest.addEventListener("pending", () => guest.code?.length);
  guest.addEventListener("unreachable", ({ error }: { error: ProximError }) => error.code);

  const listener = () => {};
  session.addEventListener("approved", listener);
  session.removeEventListener("approved", listener);

  // Every kind of session has the events of `Session`.
  const both: Session[] = [session, guest];
  for (const each of both) each.addEventListener("channel", ({ channel }) => channel.label);
  const target: EventTarget = session;
  target.dispatchEvent(new Event("approved"));
}

function mistakes(session: HostSession) {
  // @ts-expect-error: a person gives a device a name
  session.prompt?.approve("123", { remember: { days: 30 } });
  // @ts-expect-error: there is no such notice
  session.addEventListener("notice", ({ notice }) => notice === "tampred");
  // @ts-expect-error: there is no such event
  session.addEventListener("promt", () => {});
  // @ts-expect-error: a guest gets no prompts
  guest.addEventListener("prompt", () => {});
  // @ts-expect-error: a host is not a session
  host.addEventListener("signal", () => {});
  // @ts-expect-error: the event has no such field
  session.addEventListener("connected", ({ chanel }) => chanel);
  // @ts-expect-error: a prompt is approved by `approve`
  session.addEventListener("prompt", (event) => event.accept());
  // @ts-expect-error: the number is a string
  session.addEventListener("prompt", (event) => event.approve(123));
  // @ts-expect-error: the event is not a prompt
  session.addEventListener("signal", (event: Prompt) => event.approve());
  // @ts-expect-error: there is no such event
  session.removeEventListener("promt", () => {});
  // @ts-expect-error: a handler has the same type as a listener
  session.onprompt = (event) => event.accept();
}

async function list() {
  for (const info of await host.list()) {
    info.session_id satisfies string;
    info.device_info?.name satisfies string | undefined;
    info.expires_at satisfies string | null;
    if (info.status === "approved") info.guest_online satisfies boolean;
    // @ts-expect-error: there is no such field
    info.sessionId;
    // @ts-expect-error: there is no such status
    if (info.status === "open") return;
  }
}

export { events, list, mistakes };
