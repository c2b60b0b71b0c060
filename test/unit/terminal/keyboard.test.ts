// The keyboard driver against a simulated 8042, sound, broken and absent.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TestTerminal, type Ports } from "./terminal.ts";

const OUTPUT_FULL = 1;
const INPUT_FULL = 2;
const FROM_MOUSE = 0x20;
const ACKNOWLEDGE = 0xfa;
const RESEND = 0xfe;

/** Scan codes of set 1 (what a key sends when pressed), by the unshifted letter of a US keyboard. */
const CODES: Readonly<Record<string, number>> = { "\x1b": 0x01, "\b": 0x0e, "\t": 0x0f, "\r": 0x1c, " ": 0x39 };
const ROWS = [
  [0x02, "1234567890-="],
  [0x10, "qwertyuiop[]"],
  [0x1e, "asdfghjkl;'`"],
  [0x2b, "\\zxcvbnm,./"],
] as const;
const codeOf = (letter: string): number => {
  const row = ROWS.find(([, letters]) => letters.includes(letter));
  return row === undefined ? CODES[letter]! : row[0] + row[1].indexOf(letter);
};
const SHIFT = 0x2a;
const RIGHT_SHIFT = 0x36;
const CTRL = 0x1d;
const RELEASED = 0x80;

/** An 8042 with a keyboard that acknowledges commands, unless `answers` says what it sends back instead. */
class Controller implements Ports {
  readonly output: { byte: number; fromMouse: boolean }[] = [];
  configuration: number | null = null;
  readonly commands: number[] = [];
  /** Bits of the status register that never go away. */
  stuck = 0;
  /** The keyboard's answer to the nth command. */
  answers: (n: number) => readonly number[] = () => [ACKNOWLEDGE];
  #awaitsConfiguration = false;
  accesses = 0;

  in8(port: number): number {
    this.accesses++;
    if (port === 0x64) {
      const [next] = this.output;
      return this.stuck | (next ? OUTPUT_FULL | (next.fromMouse ? FROM_MOUSE : 0) : 0) | 0x14;
    }
    assert.equal(port, 0x60);
    return this.output.shift()?.byte ?? 0;
  }

  out8(port: number, value: number): void {
    this.accesses++;
    assert.equal(this.stuck & INPUT_FULL, 0, "a byte was written while the input buffer was full");
    if (port === 0x64) {
      assert.equal(value, 0x60, "the only command is: write the configuration");
      this.#awaitsConfiguration = true;
    } else if (this.#awaitsConfiguration) {
      this.#awaitsConfiguration = false;
      this.configuration = value;
    } else {
      assert.equal(port, 0x60);
      this.commands.push(value);
      this.send(...this.answers(this.commands.length));
    }
  }

  send(...codes: number[]): void {
    this.output.push(...codes.map((byte) => ({ byte, fromMouse: false })));
  }
  move(...bytes: number[]): void {
    this.output.push(...bytes.map((byte) => ({ byte, fromMouse: true })));
  }
}

const shared = new TestTerminal();

function attach<T extends Ports>(ports: T): { terminal: TestTerminal; ports: T } {
  shared.ports = ports;
  return { terminal: shared.renew(), ports };
}

function readAll(terminal: TestTerminal): string {
  let text = "";
  for (let key = terminal.readKey(); key !== ""; key = terminal.readKey()) text += key;
  return text;
}

function withKeyboard(): { terminal: TestTerminal; ports: Controller } {
  const machine = attach(new Controller());
  assert.equal(machine.terminal.hasKeyboard(), true);
  return machine;
}

describe("a keyboard is found", () => {
  test("where one acknowledges that it shall scan, and is told to send translated codes without interrupts", () => {
    const { ports } = withKeyboard();
    assert.deepEqual(ports.commands, [0xf4]);
    assert.equal(ports.configuration! & 0x73, 0x60, "translation on, mouse off, keyboard on, no interrupts");
  });

  test("also if it asks to repeat the command, or was typed on before", () => {
    const { terminal, ports } = attach(new Controller());
    ports.send(codeOf("x"));
    ports.move(8, 0, 0);
    ports.answers = (n) => (n < 3 ? [RESEND] : [codeOf("y"), ACKNOWLEDGE]);
    assert.equal(terminal.hasKeyboard(), true);
    assert.equal(ports.commands.length, 3);
    assert.equal(readAll(terminal), "");
  });

  test("once: asking again loses no key", () => {
    const { terminal, ports } = withKeyboard();
    ports.send(codeOf("a"));
    assert.equal(terminal.hasKeyboard(), true);
    assert.equal(readAll(terminal), "a");
  });
});

describe("no keyboard is found, after a bounded number of accesses,", () => {
  const LIMIT = 200_000;

  test("where no controller is", () => {
    let reads = 0;
    const absent: Ports = { in8: () => (reads++, 0xff), out8: () => assert.fail("nobody listens") };
    const { terminal } = attach(absent);
    assert.equal(terminal.hasKeyboard(), false);
    assert.equal(terminal.readKey(), "");
    assert.equal(reads, 1);
  });

  for (const [what, prepare] of [
    ["where none answers", (ports: Controller) => (ports.answers = () => [])],
    ["where one always asks to repeat", (ports: Controller) => (ports.answers = () => [RESEND])],
    ["where one only sends nonsense", (ports: Controller) => (ports.answers = () => [0, 0xff, 0xfc])],
    ["where the controller takes no byte", (ports: Controller) => (ports.stuck = INPUT_FULL)],
    ["where the controller always has a byte", (ports: Controller) => (ports.stuck = OUTPUT_FULL)],
  ] as const) {
    test(what, () => {
      const { terminal, ports } = attach(new Controller());
      prepare(ports);
      assert.equal(terminal.hasKeyboard(), false);
      assert.equal(terminal.readKey(), "");
      assert.ok(ports.accesses < LIMIT, `${ports.accesses} accesses`);
    });
  }
});

describe("keys", () => {
  const typed = (terminal: TestTerminal, ports: Controller, ...codes: number[]): string => {
    ports.send(...codes);
    return readAll(terminal);
  };

  test("give their letters, digits and signs, when they are pressed", () => {
    const { terminal, ports } = withKeyboard();
    for (const [, letters] of ROWS) {
      for (const letter of letters)
        assert.equal(typed(terminal, ports, codeOf(letter), codeOf(letter) | RELEASED), letter);
    }
    for (const letter of Object.keys(CODES)) assert.equal(typed(terminal, ports, codeOf(letter)), letter);
  });

  test("give capitals while either shift key is held", () => {
    const { terminal, ports } = withKeyboard();
    for (const shift of [SHIFT, RIGHT_SHIFT]) {
      const code = codeOf("q");
      const text = typed(terminal, ports, shift, code, codeOf("1"), shift | RELEASED, code, codeOf("1"));
      assert.equal(text, "Q!q1");
    }
  });

  test("give control characters for letters while either Ctrl key is held", () => {
    const { terminal, ports } = withKeyboard();
    for (const prefix of [[], [0xe0]]) {
      const [a, n, one] = [codeOf("a"), codeOf("n"), codeOf("1")];
      const text = typed(terminal, ports, ...prefix, CTRL, a, n, one, ...prefix, CTRL | RELEASED, a);
      assert.equal(text, "\x01\x0e1a");
    }
    assert.equal(typed(terminal, ports, CTRL, SHIFT, codeOf("z"), SHIFT | RELEASED, CTRL | RELEASED), "\x1a");
  });

  test("that have no letter give none, whatever their code", () => {
    const { terminal, ports } = withKeyboard();
    const named = new Set([...ROWS.flatMap(([, letters]) => [...letters]), ...Object.keys(CODES), "*"]);
    for (let code = 0; code < 0x80; code++) {
      const text = typed(terminal, ports, code, code | RELEASED);
      assert.ok(text === "" || named.has(text), `code ${code} gave ${JSON.stringify(text)}`);
    }
  });

  test("of the extended block are told from those whose code they share", () => {
    const { terminal, ports } = withKeyboard();
    // Cursor up, the shift that some keys pretend, Enter of the keypad.
    assert.equal(typed(terminal, ports, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, SHIFT, codeOf("a")), "a");
    assert.equal(typed(terminal, ports, 0xe0, 0x1c, 0xe0, 0x9c), "\r");
  });

  test("that are Pause leave nothing behind", () => {
    const { terminal, ports } = withKeyboard();
    assert.equal(typed(terminal, ports, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, codeOf("a")), "a");
  });

  test("are not what a mouse sends", () => {
    const { terminal, ports } = withKeyboard();
    ports.move(codeOf("a"), codeOf("b"));
    assert.equal(typed(terminal, ports, codeOf("c")), "c");
  });

  test("that never end do not hold a call for ever", () => {
    const { terminal } = withKeyboard();
    shared.ports = { in8: (port) => (port === 0x64 ? OUTPUT_FULL : 0xff), out8: () => {} };
    assert.equal(terminal.readKey(), "");
  });
});
