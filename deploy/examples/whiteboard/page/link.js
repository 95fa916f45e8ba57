// The WebSocket to the board: JSON both ways, comes back by itself. Pauses grow from 0.3 s to 5 s, with
// jitter, so that a room full of people does not come back in one instant.
const kPauseMsMin = 300;
const kPauseMsMax = 5000;

export class Link {
  // `hello` makes the first message of each connection. `take` gets each message, `show` each state:
  // "connecting", "live", "offline".
  constructor(hello, take, show) {
    this.hello = hello;
    this.take = take;
    this.show = show;
    this.pause = kPauseMsMin;
    this.socket = null;
    this.timer = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    this.open();
  }

  get isLive() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  send(message) {
    if (this.isLive) this.socket.send(JSON.stringify(message));
    return this.isLive;
  }

  open() {
    clearTimeout(this.timer);
    this.show("connecting");
    // Relative, so that it works on an origin of its own and below a path.
    const url = new URL("ws", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = url.hash = "";
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(this.hello()));
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.t === "welcome") {
        this.pause = kPauseMsMin;
        this.show("live");
      }
      this.take(message);
    };
    socket.onclose = (event) => this.lost(event);
  }

  lost(event) {
    this.socket = null;
    this.show("offline", event);
    this.timer = setTimeout(() => this.open(), this.pause * (0.7 + 0.6 * Math.random()));
    this.pause = Math.min(this.pause * 1.7, kPauseMsMax);
  }

  hurry() {
    if (this.socket === null) this.open();
  }
}
