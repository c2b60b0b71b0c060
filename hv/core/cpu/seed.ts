// Random bits for a VM's vmm, which has no source of its own.

import { CPUID_1_ECX_RDRAND, CPUID_LEAF_FEATURES } from "../../x86/cpuid";
import { VcpuPage } from "../../shared/vcpu-page";
import { rdrand, rdtsc } from "../hardware";
import { Cpuid } from "./cpuid";

/** RDRAND may have to be asked again (SDM 1 7.3.17.1). */
const TRIES: u32 = 10;
/** Readings of the counter for each word where there is no RDRAND: how long each took differs on a PC, and in no emulator. */
const READINGS: u32 = 4096;
/** An odd number without a pattern. */
const MULTIPLIER: u64 = 0x9e3779b97f4a7c15;

/** Fills in the seed of the vCPU page. */
export function seedVmm(page: VcpuPage, wallClock: u64): void {
  const cpuid = new Cpuid();
  cpuid.read(CPUID_LEAF_FEATURES, 0);
  const hasRdrand = (cpuid.ecx & CPUID_1_ECX_RDRAND) != 0;
  page.seed0 = randomWord(hasRdrand) ^ wallClock;
  page.seed1 = randomWord(hasRdrand);
  page.seed2 = randomWord(hasRdrand);
  page.seed3 = randomWord(hasRdrand);
}

function randomWord(hasRdrand: bool): u64 {
  const tries = hasRdrand ? TRIES : 0;
  for (let i: u32 = 0; i < tries; i++) {
    const word = rdrand();
    if (word != 0) return word;
  }
  let word: u64 = 0;
  for (let i: u32 = 0; i < READINGS; i++) word = (word ^ rdtsc()) * MULTIPLIER;
  return word;
}
