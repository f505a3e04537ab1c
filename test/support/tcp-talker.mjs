// Talks to an echo service over one TCP connection until its standard input ends; then says how it went, as JSON.
import { createConnection } from "node:net";

const [host, port] = process.argv.slice(2);
const socket = createConnection({ host, port: Number(port), noDelay: true });
const score = { connected: false, sent: 0, received: 0, inOrder: true, longestSilence: 0, error: undefined };
let last = performance.now();
let rest = "";
socket.on("connect", () => {
  score.connected = true;
  last = performance.now();
  process.stdout.write("connected\n");
});
socket.on("data", (chunk) => {
  score.longestSilence = Math.max(score.longestSilence, performance.now() - last);
  last = performance.now();
  const lines = (rest + chunk.toString("latin1")).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) score.inOrder &&= Number(line) === ++score.received;
});
socket.on("error", (error) => {
  score.error = error.message;
});
const timer = setInterval(() => {
  if (score.connected && !socket.destroyed) socket.write(`${++score.sent}\n`);
}, 20);
process.stdin.resume();
process.stdin.on("end", () => {
  clearInterval(timer);
  const patience = performance.now() + 60_000;
  const end = () => {
    if (score.received < score.sent && performance.now() < patience && score.error === undefined)
      return void setTimeout(end, 20);
    process.stdout.write(`${JSON.stringify(score)}\n`);
    socket.destroy();
  };
  end();
});
