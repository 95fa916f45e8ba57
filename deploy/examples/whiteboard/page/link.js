// The WebSocket to the board: JSON both ways, comes back by itself. Pauses grow from 0.3 s to 5 s, with
// jitter, so that a room full of people does not come back in one instant.
const kPauseMsMin = 300;
const kPauseMsMax = 5000;

export class Link {
  // `hello` makes the first message of each connection. `take` gets each message, `show` each state:
  // "connecting", "live", "offline", and "ended": there is nothing to come back to, for now.
  constructor(hello, take, show) {
    this.hello = hello;
    this.take = take;
    this.show = show;
    this.pause = kPauseMsMin;
    this.socket = null;
    this.timer = 0;
    this.isEnded = false;
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
    if (!this.isEnded) this.show("connecting");
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
        this.isEnded = false;
        this.show("live");
      }
      this.take(message);
    };
    socket.onclose = () => this.lost();
  }

  lost() {
    this.socket = null;
    if (!this.isEnded) this.show("offline");
    this.askWhy();
    this.timer = setTimeout(() => this.open(), this.pause * (0.7 + 0.6 * Math.random()));
    this.pause = Math.min(this.pause * 1.7, kPauseMsMax);
  }

  // A WebSocket does not say why it was refused; the page's own address does: 410 is an ended session, 401
  // and 403 a link that is no longer good. It may come back, so the pauses only grow.
  async askWhy() {
    try {
      const {status} = await fetch(document.baseURI, {method: "HEAD", cache: "no-store"});
      if (this.socket?.readyState === WebSocket.OPEN || ![401, 403, 410].includes(status)) return;
      this.isEnded = true;
      this.show("ended");
    } catch {
      // Nobody answers: offline, as shown.
    }
  }

  hurry() {
    if (this.socket === null) this.open();
  }
}
