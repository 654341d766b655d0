// The month of flights: the file, a flight in a message, and sums over flights. Nothing here knows
// Neo.

import { readFileSync } from 'node:fs';

/** Stands in a message for a delay that the file does not know. */
const MISSING = -32768;
const FLIGHT_BYTES = 18;
const COLUMNS = 19;

export const DAYS = 31;
export const MINUTES_PER_DAY = 24 * 60;

function number(text) {
  if (!/^-?\d+$/.test(text)) throw new Error(`\`${text}\` is no number`);
  return Number(text);
}

const delay = (text) => (text === 'NA' ? MISSING : number(text));

/** Topic and message of a row. */
function parse(line) {
  const row = line.split(',');
  if (row.length !== COLUMNS) throw new Error(`${row.length} columns, and not ${COLUMNS}: ${line}`);
  const [carrier, origin, destination] = [row[9], row[12], row[13]];
  const scheduled = ((number(row[2]) - 1) * 24 + number(row[16])) * 60 + number(row[17]);
  const message = Buffer.alloc(FLIGHT_BYTES);
  message.writeUInt32LE(scheduled, 0);
  message.writeInt16LE(delay(row[5]), 4);
  message.writeInt16LE(delay(row[8]), 6);
  message.writeUInt16LE(number(row[10]), 8);
  message.write(carrier + origin + destination, 10, 'latin1');
  return { scheduled, topic: `flights.${origin}.${carrier}.${destination}`, message };
}

/** The flights of a file in the order of their scheduled departures. */
export function load(path) {
  const lines = readFileSync(path, 'utf8').trimEnd().split(/\r?\n/);
  const flights = lines.slice(1).map(parse);
  if (flights.length === 0) throw new Error(`${path}: no flights`);
  return flights.sort((a, b) => a.scheduled - b.scheduled);
}

/** The flight in a message. */
export function decode(message) {
  if (message.length !== FLIGHT_BYTES) throw new Error(`no flight has ${message.length} bytes`);
  const minutes = (at) => {
    const found = message.readInt16LE(at);
    return found === MISSING ? null : found;
  };
  return {
    scheduled: message.readUInt32LE(0),
    departureDelay: minutes(4),
    arrivalDelay: minutes(6),
    number: message.readUInt16LE(8),
    carrier: message.toString('latin1', 10, 12),
    route: `${message.toString('latin1', 12, 15)}-${message.toString('latin1', 15, 18)}`,
  };
}

/** Flights, those that departed, and how late those were in sum; by carrier and route. */
export class Tally {
  total = [0, 0, 0];
  carriers = new Map();
  routes = new Map();

  add({ departureDelay, carrier, route }) {
    const delays = [1, departureDelay === null ? 0 : 1, departureDelay ?? 0];
    merge(this.total, delays);
    merge(entry(this.carriers, carrier), delays);
    merge(entry(this.routes, route), delays);
  }

  static merged(tallies) {
    const all = new Tally();
    for (const { total, carriers, routes } of tallies) {
      merge(all.total, total);
      for (const [carrier, delays] of carriers) merge(entry(all.carriers, carrier), delays);
      for (const [route, delays] of routes) merge(entry(all.routes, route), delays);
    }
    return all;
  }

  /** As JSON has it. */
  toJSON() {
    const { total, carriers, routes } = this;
    return { total, carriers: Object.fromEntries(carriers), routes: Object.fromEntries(routes) };
  }
}

function entry(sums, name) {
  let found = sums.get(name);
  if (found === undefined) sums.set(name, (found = [0, 0, 0]));
  return found;
}

function merge(into, delays) {
  for (let at = 0; at < into.length; at += 1) into[at] += delays[at];
}
