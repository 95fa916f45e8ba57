// Shapes that rise from where somebody pointed. limits.h has room for two more of them.
import {place} from "./board.js";

export const kReactions = [
  ["#e0408f", "M12 21C5 15 2 12 2 8a5 5 0 0 1 10-1 5 5 0 0 1 10 1c0 4-3 7-10 13z"],
  ["#f5b400", "M12 2l3 6.5 7 .8-5.2 4.800 1.4 7L12 17.5 5.800 21l1.4-7L2 9.3l7-.8z"],
  ["#7c4dde", "M13 2L4 14h6l-1 8 9-12h-6z"],
  ["#2f9e6b", "M9 21l-7-8 3-3 4 5L19 4l3 3z"],
];

const kShapes = 3;

// Lets reaction `index` rise at `point` and vanish.
export function burst(parent, index, point) {
  const [colour, path] = kReactions[index] ?? kReactions[0];
  for (let i = 0; i < kShapes; i += 1) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", "burst");
    svg.innerHTML = `<path d="${path}"/>`;
    svg.style.setProperty("--colour", colour);
    svg.style.setProperty("--drift", `${(i - 1) * 34 + Math.random() * 16 - 8}px`);
    svg.style.setProperty("--turn", `${(i - 1) * 18}deg`);
    svg.style.animationDelay = `${i * 70}ms`;
    svg.onanimationend = () => svg.remove();
    place(svg, point);
    parent.append(svg);
  }
}
