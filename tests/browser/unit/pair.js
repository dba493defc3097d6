// An approved host and guest on fake sockets, and their WebRTC signals.

import { Guest, Host } from "../../../proxim/web/proxim.js";
import { FakePeerConnection, FakeSocket, ICE, ID, LINK, session, settle } from "./fakes.js";

export const approved = { type: "pair_result", session_id: ID, status: "approved", device_info: null, ice_servers: ICE };

export async function host(options) {
  const desk = new Host("http://node", options);
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("register", { type: "registered", uuid: "u", sessions: [session()] });
  await FakeSocket.last.hears(approved);
  return desk.sessions.get(ID);
}

export async function guest(options) {
  const phone = new Guest(LINK, options);
  phone.ask();
  await FakeSocket.last.opens();
  await FakeSocket.last.answers("pair_request", { type: "pair_pending", session_id: ID, resume_token: "r", expires_in: 40 });
  await FakeSocket.last.hears(approved);
  return phone;
}

/** Return the WebRTC signals that this side has sent. */
export const said = () => FakeSocket.last.sent.filter(({ type }) => type === "signal").map(({ data }) => data.rtc);
export const hears = (rtc) => FakeSocket.last.hears({ type: "signal", session_id: ID, data: { rtc } });
export const offer = { type: "offer", sdp: "o" };
export const answer = { type: "answer", sdp: "a" };

export async function negotiates() {
  FakePeerConnection.last.onnegotiationneeded();
  await settle();
}

export async function answersRefresh() {
  await FakeSocket.last.answers("refresh_ice", { type: "ice_servers", session_id: ID, ice_servers: [{ urls: "turn:t" }], ttl: 9 });
}
