// AssemblyScript: the memory objects of core as exports, for the tests of this folder. Holds no logic of its own.

import { checkEptSupport, Ept } from "../../../hv/core/vmx/ept/ept";
import { checkEptPointer, EptFormat } from "../../../hv/core/vmx/ept/ept-format";
import { mappingStatusText } from "../../../hv/core/memory/mapping-status";
import { Mtrrs } from "../../../hv/core/memory/memory-type";
import { PAGE_BYTES, PagePool } from "../../../hv/core/memory/page-pool";
import { PageTables, Translation } from "../../../hv/core/memory/page-tables";
import { checkInvvpid, GuestTranslations, invalidateVpid, VpidInvalidation } from "../../../hv/core/vmx/invalidate";
import { NestedPagingFormat } from "./nested-paging-format";

export function statusText(status: u32): string {
  return mappingStatusText(status);
}

export function createPool(pages: u32, physicalBase: u64): PagePool {
  const block = heap.alloc(<usize>(pages + 1) * PAGE_BYTES);
  const first = (block + PAGE_BYTES - 1) & ~(<usize>PAGE_BYTES - 1);
  // Memory is dirty before it is handed out, so that a page that was not zeroed shows.
  memory.fill(first, 0xa5, <usize>pages * PAGE_BYTES);
  return new PagePool(first, pages, physicalBase);
}

export function poolAllocate(pool: PagePool): usize {
  return pool.allocate();
}

export function poolFree(pool: PagePool, page: usize): void {
  pool.free(page);
}

export function poolInUse(pool: PagePool): u32 {
  return pool.inUse;
}

export function poolAvailable(pool: PagePool): u32 {
  return pool.available;
}

export function poolPhysicalAddress(pool: PagePool, pointer: usize): u64 {
  return pool.physicalAddress(pointer);
}

export function createMtrrs(physicalAddressBits: u32): Mtrrs {
  return new Mtrrs(physicalAddressBits);
}

export function mtrrType(mtrrs: Mtrrs, address: u64): u32 {
  return mtrrs.typeOf(address);
}

export function mtrrTypeOfBlock(mtrrs: Mtrrs, address: u64, bytes: u64): u32 {
  return mtrrs.typeOfBlock(address, bytes);
}

export function mtrrUniformBytes(mtrrs: Mtrrs, address: u64, limit: u64): u64 {
  return mtrrs.uniformBytes(address, limit);
}

export function createEpt(pool: PagePool, capabilities: u64, mtrrs: Mtrrs, physicalAddressBits: u32): Ept {
  return new Ept(pool, capabilities, mtrrs, physicalAddressBits);
}

export function eptStatus(ept: Ept): u32 {
  return ept.status;
}

export function eptPointerOf(ept: Ept): u64 {
  return ept.pointer;
}

export function eptMap(ept: Ept, guest: u64, host: u64, bytes: u64, permissions: u32): u32 {
  return ept.map(guest, host, bytes, permissions);
}

export function eptUnmap(ept: Ept, guest: u64, bytes: u64): u32 {
  return ept.unmap(guest, bytes);
}

export function eptProtect(ept: Ept, guest: u64, bytes: u64, permissions: u32): u32 {
  return ept.protect(guest, bytes, permissions);
}

export function eptQuery(ept: Ept, guest: u64, into: Translation): u32 {
  return ept.query(guest, into);
}

export function eptFlush(ept: Ept): u32 {
  return ept.flush();
}

export function eptRequireInvalidation(ept: Ept): void {
  ept.requireInvalidation();
}

export function eptRelease(ept: Ept): void {
  ept.release();
}

export function checkPointer(eptp: u64, capabilities: u64, physicalAddressBits: u32): u32 {
  return checkEptPointer(eptp, capabilities, physicalAddressBits);
}

export function createVpid(vpid: u32, capabilities: u64): VpidInvalidation {
  return new VpidInvalidation(<u16>vpid, capabilities);
}

export function invvpidSupport(capabilities: u64): u32 {
  return checkInvvpid(capabilities);
}

export function eptSupport(capabilities: u64): u32 {
  return checkEptSupport(capabilities);
}

export function vpidRequireInvalidation(vpid: VpidInvalidation): void {
  vpid.requireInvalidation();
}

export function executeInvvpid(capabilities: u64, vpid: u32): u32 {
  return invalidateVpid(capabilities, vpid);
}

export function createGuestTranslations(ept: Ept, vpid: VpidInvalidation): GuestTranslations {
  return new GuestTranslations(ept, vpid);
}

export function prepareEntry(translations: GuestTranslations): u32 {
  return translations.prepareEntry();
}

export function createEptTables(pool: PagePool, capabilities: u64, physicalAddressBits: u32): PageTables {
  return new PageTables(pool, new EptFormat(capabilities), physicalAddressBits);
}

export function createNestedPagingTables(pool: PagePool, physicalAddressBits: u32): PageTables {
  return new PageTables(pool, new NestedPagingFormat(), physicalAddressBits);
}

export function tablesRoot(tables: PageTables): usize {
  return tables.root;
}

export function tablesMap(tables: PageTables, guest: u64, host: u64, bytes: u64, permissions: u32, type: u32): u32 {
  return tables.map(guest, host, bytes, permissions, type);
}

export function tablesUnmap(tables: PageTables, guest: u64, bytes: u64): u32 {
  return tables.unmap(guest, bytes);
}

export function tablesProtect(tables: PageTables, guest: u64, bytes: u64, permissions: u32): u32 {
  return tables.protect(guest, bytes, permissions);
}

export function tablesQuery(tables: PageTables, guest: u64, into: Translation): u32 {
  return tables.query(guest, into);
}

export function tablesRelease(tables: PageTables): void {
  tables.release();
}

export function tablesInvalidationIsPending(tables: PageTables): bool {
  return tables.invalidationIsPending;
}

export function tablesClearPendingInvalidation(tables: PageTables): void {
  tables.invalidationIsPending = false;
}

export function createTranslation(): Translation {
  return new Translation();
}

export function translatedAddress(translation: Translation): u64 {
  return translation.physicalAddress;
}

export function translatedPageBytes(translation: Translation): u64 {
  return translation.pageBytes;
}

export function translatedPermissions(translation: Translation): u32 {
  return translation.permissions;
}

export function translatedMemoryType(translation: Translation): u32 {
  return translation.memoryType;
}

export function translatedIsAccessed(translation: Translation): bool {
  return translation.isAccessed;
}

export function translatedIsDirty(translation: Translation): bool {
  return translation.isDirty;
}
