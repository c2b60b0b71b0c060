// What three CPUs do in a run of the model, and of the code: a script for each.

export const CPUS = 3;

/** A call of the code. `ask` is to the CPUs of a mask; where it may give up, its clock may run out at any turn. */
export type Command =
  | { readonly kind: "ask"; readonly receivers: number; readonly mayGiveUp: boolean; readonly number: number }
  | { readonly kind: "take" | "release" | "rest" };

export interface Scenario {
  readonly name: string;
  /** One a CPU. A CPU whose script is over rests, and serves what comes. */
  readonly scripts: readonly (readonly Command[])[];
  /** How many asks the scripts have, each with a number of its own from 0 on. */
  readonly asks: number;
}

/** A script in words: "ask 1", "ask 1 2" (both at once), "try 1" (may give up), "lock" (take and release), "rest". */
function scenario(name: string, ...texts: readonly string[]): Scenario {
  let asks = 0;
  const scripts = texts.map((text) =>
    text.split(", ").flatMap((words): Command[] => {
      const [verb = "", ...receivers] = words.split(" ");
      if (verb === "lock") return [{ kind: "take" }, { kind: "release" }];
      if (verb === "rest" || verb === "") return verb === "" ? [] : [{ kind: "rest" }];
      const mask = receivers.reduce((bits, receiver) => bits | (1 << Number(receiver)), 0);
      return [{ kind: "ask", receivers: mask, mayGiveUp: verb === "try", number: asks++ }];
    }),
  );
  return { name, scripts, asks };
}

export const RING = scenario("three CPUs ask each other in a ring", "ask 1", "ask 2", "ask 0");
export const TWO_ASK_ONE = scenario(
  "two CPUs ask a third one, which sleeps, twice",
  "ask 2, ask 2",
  "ask 2, ask 2",
  "",
);
export const CHAIN = scenario("a CPU sleeps, and asks when it is woken", "ask 1", "rest, ask 2", "rest");
export const PAIR = scenario("two CPUs ask each other, and one the third", "ask 1, ask 2", "ask 0", "");
export const BROADCAST = scenario("one CPU asks both others while one of them asks it", "ask 1 2", "ask 0", "");
export const GIVES_UP = scenario("one CPU gives up, and asks the same again", "try 1, ask 1", "", "");
export const GIVE_UP_TOGETHER = scenario("two CPUs that ask each other give up", "try 1, ask 1", "try 0", "");
export const BROADCAST_GIVES_UP = scenario("one CPU gives up on some of those that it asked", "try 1 2, ask 2", "", "");
export const LOCK = scenario("three CPUs take one lock, twice", "lock, lock", "lock, lock", "lock, lock");
export const LOCK_AND_MAIL = scenario("three CPUs take one lock, and two ask", "lock, ask 1", "lock, ask 0", "lock");
export const LOCK_AND_RING = scenario(
  "one takes a lock that another has, who is asked",
  "ask 1",
  "lock",
  "lock, ask 0",
);

export const SCENARIOS: readonly Scenario[] = [
  RING,
  TWO_ASK_ONE,
  CHAIN,
  PAIR,
  BROADCAST,
  GIVES_UP,
  GIVE_UP_TOGETHER,
  BROADCAST_GIVES_UP,
  LOCK,
  LOCK_AND_MAIL,
  LOCK_AND_RING,
];
