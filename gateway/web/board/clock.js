// Time: how long ago something was, and how a span of it is written.

// Seconds since the call. Of two clocks the faster is believed: one stands still while a machine sleeps, the
// other can be set; data is rather called too old than too young.
export function startStopwatch() {
  const wall = Date.now();
  const steady = performance.now();
  return () => Math.max(Date.now() - wall, performance.now() - steady, 0) / 1000;
}

// 75 is "1:15", 3675 is "1:01:15", two days and a bit is "2 d 3 h".
export function writeSpan(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  const rest = `${pad(minutes)}:${pad(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0(?=\d)/, "");
}

const pad = (number) => String(number).padStart(2, "0");
