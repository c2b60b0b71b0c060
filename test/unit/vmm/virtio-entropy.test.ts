// The entropy device (virtio 1.2, 5.4), its generator, and ChaCha20 by the vectors of RFC 8439.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ENTROPY, VirtioHost, VirtioMachine, WRITE } from "./virtio.ts";

const BUFFER = 0x8000;

/** The block that the harness makes, as bytes in hexadecimal. */
function block({ harness }: VirtioHost, key: Buffer, counter: number, nonce: Buffer): string {
  const cipher = harness.createCipher();
  for (let i = 0; i < 8; i++) harness.setKey(cipher, i, key.readUInt32LE(4 * i));
  for (let i = 0; i < 3; i++) harness.setNonce(cipher, i, nonce.readUInt32LE(4 * i));
  harness.block(cipher, counter);
  const bytes = Buffer.alloc(64);
  for (let i = 0; i < 16; i++) bytes.writeUInt32LE(harness.blockWord(cipher, i) >>> 0, 4 * i);
  return bytes.toString("hex");
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

test("a ChaCha20 block is that of RFC 8439, 2.3.2", async () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
  assert.equal(
    block(await VirtioHost.load(), key, 1, hex("000000090000004a00000000")),
    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e" +
      "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
  );
});

test("ChaCha20's blocks are those of RFC 8439, appendix A.1", async () => {
  const zeroKey = Buffer.alloc(32);
  const zeroNonce = Buffer.alloc(12);
  assert.equal(
    block(await VirtioHost.load(), zeroKey, 0, zeroNonce),
    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7" +
      "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
  );
  assert.equal(
    block(await VirtioHost.load(), zeroKey, 1, zeroNonce),
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
      "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
  );
});

test("a ChaCha20 block is OpenSSL's, for any key, counter and nonce", async () => {
  const { createCipheriv, createHash } = await import("node:crypto");
  const host = await VirtioHost.load();
  for (let i = 0; i < 200; i++) {
    const random = createHash("sha512").update(`case ${i}`).digest();
    const counter = random.readUInt32LE(60);
    // OpenSSL's initialization vector is the counter and the nonce.
    const openssl = createCipheriv(
      "chacha20",
      random.subarray(0, 32),
      Buffer.concat([random.subarray(60), random.subarray(32, 44)]),
    );
    const expected = openssl.update(Buffer.alloc(64)).toString("hex");
    assert.equal(block(host, random.subarray(0, 32), counter, random.subarray(32, 44)), expected);
  }
});

/** What the generator is to give out for a seed: each block of the cipher is the next key and 32 bytes. */
function generated(
  key: Buffer,
  numbers: number,
  createCipheriv: typeof import("node:crypto").createCipheriv,
): bigint[] {
  const all: bigint[] = [];
  while (all.length < numbers) {
    const bytes = createCipheriv("chacha20", key, Buffer.alloc(16)).update(Buffer.alloc(64));
    key = bytes.subarray(0, 32);
    for (let at = 32; at < 64; at += 8) all.push(bytes.readBigUInt64LE(at));
  }
  return all.slice(0, numbers);
}

test("the generator gives out each number of its blocks once, and goes on after a seed is mixed in", async () => {
  const { createCipheriv } = await import("node:crypto");
  const machine = new VirtioMachine(await VirtioHost.load());
  const next = (): bigint => BigInt.asUintN(64, machine.host.harness.random(machine.pointer));
  const seed = Buffer.alloc(32);
  [1n, 2n, 3n, 4n].forEach((word, i) => seed.writeBigUInt64LE(word, 8 * i));
  const expected = generated(seed, 1000, createCipheriv);
  const numbers = Array.from({ length: 1000 }, next);
  assert.deepEqual(numbers, expected);
  machine.host.harness.mix(machine.pointer, 5n);
  assert.ok(!generated(seed, 1010, createCipheriv).includes(next()));
});

test("a machine that takes over the state gives out what the first would have, until a seed is mixed in", async () => {
  const machine = new VirtioMachine(await VirtioHost.load());
  const { harness } = machine.host;
  harness.random(machine.pointer);
  const [other, third] = [new VirtioMachine(machine.host), new VirtioMachine(machine.host)];
  assert.equal(harness.move(machine.pointer, ENTROPY, other.pointer), 0);
  assert.equal(harness.move(machine.pointer, ENTROPY, third.pointer), 0);
  harness.mix(third.pointer, 77n);
  const numbers = (from: VirtioMachine): bigint[] => Array.from({ length: 9 }, () => harness.random(from.pointer));
  const expected = numbers(machine);
  assert.deepEqual(numbers(other), expected);
  assert.notDeepEqual(numbers(third), expected);
});

test("buffers are filled, at most 1024 bytes of a chain, and the rest is left alone", async () => {
  const machine = new VirtioMachine(await VirtioHost.load());
  const queue = machine.queue(ENTROPY, 0, { size: 16 });
  const { ram } = machine.host;
  queue.chain(0, [
    { address: BUFFER, length: 3, flags: WRITE },
    { address: BUFFER + 3, length: 61, flags: WRITE },
  ]);
  queue.makeAvailable(0);
  queue.chain(4, [{ address: BUFFER + 256, length: 4096, flags: WRITE }]);
  queue.makeAvailable(4);
  machine.notify(ENTROPY);
  assert.deepEqual(
    [queue.usedElement(0), queue.usedElement(1)],
    [
      { id: 0, length: 64 },
      { id: 4, length: 1024 },
    ],
  );
  assert.ok(ram.subarray(BUFFER + 64, BUFFER + 256).every((byte) => byte === 0));
  assert.ok(ram.subarray(BUFFER + 256 + 1024, BUFFER + 256 + 4096).every((byte) => byte === 0));
  const bytes = ram.subarray(BUFFER + 256, BUFFER + 256 + 1024);
  // 8192 fair bits: 4096 ones within six standard deviations of 45.
  const ones = [...bytes].reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  assert.ok(Math.abs(ones - 4096) < 272, `${ones} ones`);
  assert.ok(new Set(bytes).size > 200);
});

test("a buffer that is not for writing fails the device", async () => {
  const machine = new VirtioMachine(await VirtioHost.load());
  const queue = machine.queue(ENTROPY, 0, { size: 16 });
  queue.chain(0, [{ address: BUFFER, length: 8 }]);
  queue.makeAvailable(0);
  machine.notify(ENTROPY);
  assert.match(machine.failure(ENTROPY), /not for writing/);
  assert.deepEqual([queue.usedIndex, machine.interrupts(ENTROPY)], [0, 0]);
});
