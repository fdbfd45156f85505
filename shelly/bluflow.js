// bluflow on a Shelly gateway: hands on what BTHome sensors say, as raw bytes. Nothing is decoded here, so a new kind of
// sensor or a mended decoder needs no new script.
//
// Events on <prefix>/events/rpc, all named "bluflow":
//   {v: 1, seq: n, d: [[mac, rssi in dBm, age in ms, service data in hex], ...]}   at most 16, at most a second late
//   {v: 1, hb: {up: s, heard: n, sent: n, dropped: n, mem: bytes}}                 each minute, counted since the start
//
// The interpreter has no hoisting: everything is defined above its first use. All lists have their full length from the
// start. One timer, no RPC calls. `bluflow gateway setup` takes the comments out, they would cost memory.

var EVENT = "bluflow";
var BTHOME = "fcd2";

// Scanning 100 ms of every 200: the six copies of a beacon, 150 ms apart, cannot all fall between. The firmware allows
// no longer window, and merges what several scripts wish.
var INTERVAL_MS = 200;
var WINDOW_MS = 100;

// The same bytes of the same sensor again within this time are a copy.
var SAME_MS = 2000;

var MOST_IN_EVENT = 16;
var MOST_EVENTS_A_SECOND = 4;
var WAITING = 32;
var RECENT = 32;
var LONGEST = 64;
var BEAT_SECONDS = 60;

var heard = 0;
var sent = 0;
var dropped = 0;
var seq = 0;
var seconds = 0;
var eventsThisSecond = 0;

// What waits to be sent: a ring.
var first = 0;
var waiting = 0;
var macs = [];
var rssis = [];
var times = [];
var datas = [];

// The last packets that were no copies: a ring.
var nextRecent = 0;
var recentPackets = [];
var recentRssis = [];
var recentTimes = [];

var index = 0;
for (index = 0; index < WAITING; index = index + 1) {
  macs.push("");
  rssis.push(0);
  times.push(0);
  datas.push("");
}
for (index = 0; index < RECENT; index = index + 1) {
  recentPackets.push("");
  recentRssis.push(0);
  recentTimes.push(0);
}

// False if it could not be sent; an exception would end the script.
function emit(data) {
  var done = true;
  try {
    Shelly.emitEvent(EVENT, data);
  } catch (error) {
    done = false;
  }
  return done;
}

// One event with the longest waiting. While MQTT is away they wait here: the firmware would keep five messages at most.
function flush() {
  if (waiting === 0 || eventsThisSecond >= MOST_EVENTS_A_SECOND || !MQTT.isConnected()) {
    return;
  }
  var now = Shelly.getUptimeMs();
  var entries = [];
  while (waiting > 0 && entries.length < MOST_IN_EVENT) {
    entries.push([macs[first], rssis[first], now - times[first], datas[first]]);
    first = (first + 1) % WAITING;
    waiting = waiting - 1;
  }
  eventsThisSecond = eventsThisSecond + 1;
  if (emit({ v: 1, seq: seq, d: entries })) {
    sent = sent + entries.length;
  } else {
    dropped = dropped + entries.length;
  }
  seq = seq + 1;
}

function add(mac, rssi, time, data) {
  if (waiting === WAITING) {
    first = (first + 1) % WAITING;
    waiting = waiting - 1;
    dropped = dropped + 1;
  }
  var place = (first + waiting) % WAITING;
  macs[place] = mac;
  rssis[place] = rssi;
  times[place] = time;
  datas[place] = data;
  waiting = waiting + 1;
  if (waiting >= MOST_IN_EVENT) {
    flush();
  }
}

// Whether this packet was heard just now; if not, it is remembered.
function isCopy(packet, rssi, now) {
  var place = recentPackets.indexOf(packet);
  if (place >= 0 && now - recentTimes[place] < SAME_MS) {
    return true;
  }
  if (place < 0) {
    place = nextRecent;
    nextRecent = (nextRecent + 1) % RECENT;
    recentPackets[place] = packet;
  }
  recentRssis[place] = rssi;
  recentTimes[place] = now;
  return false;
}

function hear(event, result) {
  if (event !== BLE.Scanner.SCAN_RESULT || !result || !result.service_data) {
    return;
  }
  var data = result.service_data[BTHOME];
  if (typeof data !== "string" || data.length === 0 || data.length > LONGEST) {
    return;
  }
  heard = heard + 1;
  var now = Shelly.getUptimeMs();
  var hex = btoh(data);
  if (!isCopy(result.addr + " " + hex, result.rssi, now)) {
    add(result.addr, result.rssi, now, hex);
  }
}

// Bluetooth may be off, or another scan stopped ours: it is tried again with each heartbeat.
function scan() {
  try {
    BLE.Scanner.Start({
      duration_ms: BLE.Scanner.INFINITE_SCAN,
      active: false,
      interval_ms: INTERVAL_MS,
      window_ms: WINDOW_MS
    });
  } catch (error) {
    print("bluflow: no scan");
  }
}

function beat() {
  if (!BLE.Scanner.isRunning()) {
    scan();
  }
  if (!MQTT.isConnected()) {
    return;
  }
  var status = Shelly.getComponentStatus("script", Script.id);
  var memory = status ? status.mem_free : null;
  var up = Math.floor(Shelly.getUptimeMs() / 1000);
  emit({ v: 1, hb: { up: up, heard: heard, sent: sent, dropped: dropped, mem: memory } });
}

function tick() {
  eventsThisSecond = 0;
  flush();
  seconds = seconds + 1;
  if (seconds >= BEAT_SECONDS) {
    seconds = 0;
    beat();
  }
}

// For `bluflow gateway sensors`, which asks by Script.Eval: "mac hex rssi age;" of each packet lately heard.
function lately() {
  var now = Shelly.getUptimeMs();
  var text = "";
  var place = 0;
  for (place = 0; place < RECENT; place = place + 1) {
    if (recentPackets[place] !== "") {
      text = text + recentPackets[place] + " " + recentRssis[place] + " " + (now - recentTimes[place]) + ";";
    }
  }
  return text;
}

BLE.Scanner.Subscribe(hear);
scan();
Timer.set(1000, true, tick);
