// A stand-in for the gateway's script interpreter: the documented Shelly API around one script, with a clock of its own.
//
// node --expose-gc stub_device.js SCRIPT < steps.json > told.json
// Steps, in order of time (ms): {at, adv: {addr, rssi, hex, uuid?}}, {at, mqtt: bool}, {at, scanner: bool},
// {at, ble: bool}, {at, refuse: bool} (emitEvent throws), {at, eval: code}, {at, flood: n, kind: "foreign"|"same"|"new",
// every: ms}. The end of the last step is where the clock stops.
"use strict";
const fs = require("fs");
const vm = require("vm");

const told = { events: [], evaluated: [], timers: 0, calls: 0, handlers: 0, starts: [], heap: [] };
const state = { now: 5000, mqtt: true, scanning: false, ble: true, refuse: false, keep: true };
const timers = new Map();
let timerId = 0;
let subscriber = null;

function bytes(hex) {
  return Buffer.from(hex, "hex").toString("latin1"); // the device's strings are bytes
}

const api = {
  Shelly: {
    emitEvent(name, data) {
      if (state.refuse) throw new Error("refused");
      if (state.keep) told.events.push({ at: state.now, name, data: JSON.parse(JSON.stringify(data)) });
    },
    getUptimeMs: () => state.now,
    getComponentStatus: (type, id) => (type === "script" && id === 1 ? { id: 1, running: true, mem_free: 17000 } : null),
    call() {
      told.calls += 1;
    },
    addEventHandler() {
      told.handlers += 1;
    },
    addStatusHandler() {
      told.handlers += 1;
    },
  },
  Script: { id: 1 },
  MQTT: { isConnected: () => state.mqtt },
  Timer: {
    set(period, repeat, callback) {
      timers.set(++timerId, { due: state.now + period, period, repeat, callback });
      told.timers = Math.max(told.timers, timers.size);
      return timerId;
    },
    clear: (id) => timers.delete(id),
  },
  BLE: {
    Scanner: {
      SCAN_START: 0,
      SCAN_STOP: 1,
      SCAN_RESULT: 2,
      INFINITE_SCAN: -1,
      Subscribe(callback) {
        if (subscriber) throw new Error("a second subscription");
        subscriber = callback;
      },
      Start(options) {
        if (!state.ble) throw new Error("Bluetooth is off");
        told.starts.push(JSON.parse(JSON.stringify(options)));
        state.scanning = true;
        return options;
      },
      isRunning: () => state.scanning,
    },
  },
  btoh: (text) => Buffer.from(text, "latin1").toString("hex"),
  print() {},
};

function runUntil(at) {
  for (;;) {
    let next = null;
    for (const [id, timer] of timers) if (timer.due <= at && (!next || timer.due < next.timer.due)) next = { id, timer };
    if (!next) break;
    state.now = next.timer.due;
    if (next.timer.repeat) next.timer.due += next.timer.period;
    else timers.delete(next.id);
    next.timer.callback();
  }
  state.now = at;
}

function heap() {
  global.gc();
  return process.memoryUsage().heapUsed;
}

function result(addr, rssi, hex, uuid) {
  return { addr, rssi, addr_type: 1, advData: "", scanRsp: "", service_data: { [uuid || "fcd2"]: bytes(hex) } };
}

function flood(step) {
  state.keep = step.kind !== "new" && state.keep;
  for (let n = 0; n < step.flood; n += 1) {
    runUntil(step.at + n * step.every);
    const number = (n % 0xffffff).toString(16).padStart(6, "0");
    const addr = step.kind === "same" ? "7c:c6:b6:00:00:01" : "02:00:00:" + number.match(/../g).join(":");
    const foreign = step.kind === "foreign";
    const seen = result(addr, -70, "4400" + number, foreign ? "feaa" : "fcd2");
    if (foreign && n % 3 === 0) delete seen.service_data;
    subscriber(2, seen);
    if ((n + 1) % Math.ceil(step.flood / 10) === 0) told.heap.push(heap());
  }
  state.keep = true;
}

const steps = JSON.parse(fs.readFileSync(0, "utf8"));
const context = vm.createContext(api);
vm.runInContext(fs.readFileSync(process.argv[2], "utf8"), context);
for (const step of steps) {
  runUntil(step.at);
  if (step.adv && state.scanning) subscriber(2, result(step.adv.addr, step.adv.rssi, step.adv.hex, step.adv.uuid));
  if ("mqtt" in step) state.mqtt = step.mqtt;
  if ("ble" in step) state.ble = step.ble;
  if ("refuse" in step) state.refuse = step.refuse;
  if ("scanner" in step) state.scanning = step.scanner;
  if (step.scanner === false) subscriber(1, undefined);
  if (step.eval) told.evaluated.push(String(vm.runInContext(step.eval, context)));
  if (step.flood) flood(step);
}
process.stdout.write(JSON.stringify(told));
