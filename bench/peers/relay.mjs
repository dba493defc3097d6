// A relay with an approval step as one would write it in an afternoon, on `ws`.
//   node relay.mjs PORT        connect to /ROOM/host, then /ROOM/guest
import { WebSocketServer } from "ws";

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });

server.on("connection", (socket, request) => {
  const [, name, side] = request.url.split("/");
  const room = rooms.get(name) ?? rooms.set(name, {}).get(name);
  const peer = side === "host" ? "guest" : "host";
  room[side] = socket;
  if (side === "guest") room.host?.send('{"type":"ask"}');
  else socket.send('{"type":"ready"}');
  socket.on("message", (data, isBinary) => {
    if (room.open) room[peer]?.send(data, { binary: isBinary });
    else if (side === "host" && JSON.parse(data).type === "yes") {
      room.open = true;
      room.guest.send('{"type":"open"}');
      socket.send('{"type":"open"}');
    }
  });
  socket.on("close", () => {
    if (room[side] === socket) delete room[side];
    room[peer]?.close();
    rooms.delete(name);
  });
});
