// The time of day that a VM begins at, by the machine's real-time clock, held against JavaScript's Date.
import assert from "node:assert/strict";
import { Random } from "../ept/random.ts";
import { assertEnd } from "./assertions.ts";
import { listed, vmcall } from "./machine/exits.ts";
import { boot } from "./machine/machine.ts";
import type { PortDevice } from "./machine/ports.ts";
import { Rtc, type RtcFormat } from "./machine/rtc.ts";
import { onVmx } from "./vendors.ts";

const FORMATS: readonly RtcFormat[] = [
  { isBinary: false, has24Hours: true },
  { isBinary: false, has24Hours: false },
  { isBinary: true, has24Hours: true },
  { isBinary: true, has24Hours: false },
];
/** VMs of a boot, each of which reads the clock when it is made. */
const VMS = 16;

/** What VMs that are made one after the other are told of the clock, which `set` is called for before each. */
function secondsTold(vms: number, clock: PortDevice, set: (vm: number) => void): bigint[] {
  const told: bigint[] = [];
  set(0);
  const run = boot({
    commandLine: `guest=${Array<string>(vms).fill("count").join(",")}`,
    scripts: [listed(vmcall)],
    prepare: ({ ports }) => ports.attach(0x70, 2, clock),
    answer: (page) => {
      told.push(page.get("startSeconds"));
      if (told.length < vms) set(told.length);
      return null;
    },
  });
  assertEnd(run, "ok");
  return told;
}

const secondsOf = (time: string | Date): bigint => BigInt(new Date(time).getTime() / 1000);

/** Asserts that VMs are told of these times, in all four formats of the clock in turn. */
function assertTold(times: readonly (string | Date)[]): void {
  for (let first = 0; first < times.length; first += VMS) {
    const some = times.slice(first, first + VMS);
    const rtc = new Rtc();
    const told = secondsTold(some.length, rtc, (vm) => {
      rtc.time = new Date(some[vm]!);
      rtc.format = FORMATS[vm % FORMATS.length]!;
    });
    assert.deepEqual(told, some.map(secondsOf), String(some));
  }
}

onVmx("noon, midnight, leap days and the ends of years are told in every format of the clock", () => {
  const times = [
    "1970-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2000-01-01T00:00:00Z",
    "2000-02-29T12:00:00Z",
    "2000-03-01T11:59:59Z",
    "2024-02-28T23:59:59Z",
    "2024-02-29T00:59:00Z",
    "2025-12-31T13:00:01Z",
    "2038-01-19T03:14:08Z",
    "2069-12-31T23:59:59Z",
  ];
  assertTold(times.flatMap((time) => FORMATS.map(() => time)));
});

onVmx("so are random times of a hundred years", () => {
  const random = new Random(8);
  const end = Number(secondsOf("2070-01-01T00:00:00Z"));
  assertTold(Array.from({ length: 4 * VMS }, () => new Date(1000 * random.below(end))));
});

onVmx("a clock that is just being updated is waited for, and one that moves on while it is read is read again", () => {
  const rtc = new Rtc();
  const told = secondsTold(3, rtc, (vm) => {
    rtc.time = new Date("2024-12-31T23:59:59Z");
    rtc.updatingReads = vm === 1 ? 500 : 0;
    rtc.secondsUntilUpdate = vm === 2 ? 1 : Infinity;
  });
  const [before, after] = ["2024-12-31T23:59:59Z", "2025-01-01T00:00:00Z"].map(secondsOf);
  assert.deepEqual(told, [before, after, after]);
});

onVmx("where no clock answers, or tells what is no time, the time is 0", () => {
  const nothing = { read: () => 0xff, write: () => undefined };
  assert.deepEqual(
    secondsTold(1, nothing, () => undefined),
    [0n],
  );
  const zeroes = { read: () => 0, write: () => undefined };
  assert.deepEqual(
    secondsTold(1, zeroes, () => undefined),
    [0n],
  );
});
