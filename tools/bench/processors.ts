// What several CPUs are worth, and what their start costs, in Bochs.

// Debian's Bochs has its debugger, and steps the CPUs in turn by five instructions each. Then its clock, which all their
// time-stamp counters show, goes on by what the one did that did most: five ticks. So each CPU has an instruction a tick, as
// one CPU alone has, whatever the others do; memory and caches cost nothing there, so that what is measured is what CPUs wait
// for each other in Basalt.
import { inBochs, resultsOf, roundTrip, type Method } from "./round-trip.ts";

/** CPUs of the machine, and guests, as each CPU is the home of one. */
const processors = 4;
const guest = "count";
const guests = Array<string>(processors).fill(guest).join("+");

const onAll: Method = { ...inBochs, options: { ...inBochs.options, processors } };

/** How many exits four CPUs with a guest each make while the only CPU of another machine makes one. */
export async function measureScaling(): Promise<number> {
  const ofOne = roundTrip(inBochs, await resultsOf("bochs", inBochs, guest));
  // The time in which each of the guests makes one.
  const ofAll = roundTrip(onAll, await resultsOf("bochs", onAll, guests));
  return (processors * ofOne) / ofAll;
}

/** Ticks of a run with four CPUs and guests, less those of one with one CPU and guest that makes as many exits. */
export async function measureStartOfProcessors(): Promise<number> {
  const [one] = await resultsOf("bochs", inBochs, guest);
  const [all] = await resultsOf("bochs", onAll, guests);
  return onAll.ticks(all!) - inBochs.ticks(one!);
}
