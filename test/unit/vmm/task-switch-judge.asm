; A multiboot kernel that switches tasks in seven ways and tells by port 0xe9 what the CPU made of each: the judge of
; task-switch-judge.test.ts. Each record: the instruction's address and length, EAX to EDI, EFLAGS, ES to GS, LDTR, TR, and
; the region of descriptors and TSSs, as the new task finds them.

bits 32
org 0x100000

REGION equ 0x200000
REGION_BYTES equ 0x1000
GDT equ REGION
OLD equ REGION + 0x200
NEW equ REGION + 0x300
NEW16 equ REGION + 0x400
GATE equ REGION + 0x500
LDT equ REGION + 0x600
STACK equ REGION + 0xc00
GATE_STACK equ REGION + 0xe00
TELL_STACK equ 0x210000
SAVED equ 0x211000
LOW_ENTRY equ 0x6000

CODE0 equ 0x08
DATA0 equ 0x10
CODE3 equ 0x18
DATA3 equ 0x20
OLD_TSS equ 0x28
NEW_TSS equ 0x30
NEW16_TSS equ 0x38
GATE_TSS equ 0x40
LDT_SELECTOR equ 0x48

multiboot:
  dd 0x1badb002, 0x00010000, -(0x1badb002 + 0x00010000)
  dd multiboot, multiboot, end, end, start

%macro descriptor 3 ; base, limit, rights
  dw (%2) & 0xffff, (%1) & 0xffff
  db ((%1) >> 16) & 0xff, (%3) & 0xff, ((%3) >> 8 & 0xf0) | ((%2) >> 16 & 0xf), (%1) >> 24 & 0xff
%endmacro

; What the CPU is to find: registers by the number of the switch, and EFLAGS.
%macro set 2
  mov esp, TELL_STACK
  push dword %2
  popfd
  mov eax, %1 * 0x01010000 + 0
  mov ecx, %1 * 0x01010000 + 1
  mov edx, %1 * 0x01010000 + 2
  mov ebx, %1 * 0x01010000 + 3
  mov esp, %1 * 0x01010000 + 4
  mov ebp, %1 * 0x01010000 + 5
  mov esi, %1 * 0x01010000 + 6
  mov edi, %1 * 0x01010000 + 7
%endmacro

%macro tell 2 ; the instruction's address and its end
  mov [SAVED + 8], eax
  mov [SAVED + 12], ecx
  mov [SAVED + 16], edx
  mov [SAVED + 20], ebx
  mov [SAVED + 24], esp
  mov [SAVED + 28], ebp
  mov [SAVED + 32], esi
  mov [SAVED + 36], edi
  mov dword [SAVED], %1
  mov dword [SAVED + 4], %2 - %1
  mov esi, REGION
  mov edi, SAVED + 76
  mov ecx, REGION_BYTES / 4
  rep movsd
  mov esp, TELL_STACK
  pushfd
  pop dword [SAVED + 40]
  mov [SAVED + 44], es
  mov [SAVED + 48], cs
  mov [SAVED + 52], ss
  mov [SAVED + 56], ds
  mov [SAVED + 60], fs
  mov [SAVED + 64], gs
  sldt [SAVED + 68]
  str [SAVED + 72]
  mov esi, SAVED
  mov ecx, 76 + REGION_BYTES
  mov dx, 0xe9
  rep outsb
%endmacro

start:
  cli
  ; No interrupt comes between, whatever IF is.
  mov al, 0xff
  out 0x21, al
  out 0xa1, al
  mov esp, TELL_STACK
  cld
  mov edi, REGION
  mov ecx, REGION_BYTES / 4
  xor eax, eax
  rep stosd
  mov edi, SAVED
  mov ecx, 0x800
  rep stosd
  mov esi, gdt
  mov edi, GDT
  mov ecx, gdt.end - gdt
  rep movsb
  mov esi, new_task
  mov edi, NEW
  mov ecx, 0x68
  rep movsb
  mov esi, new16_task
  mov edi, NEW16
  mov ecx, 0x2c
  rep movsb
  mov esi, gate_task
  mov edi, GATE
  mov ecx, 0x68
  rep movsb
  mov esi, ldt
  mov edi, LDT
  mov ecx, 16
  rep movsb
  mov byte [LOW_ENTRY], 0xe9
  mov dword [LOW_ENTRY + 1], new16_entry - (LOW_ENTRY + 5)
  lgdt [gdtr]
  lidt [idtr]
  jmp CODE0:.flat
.flat:
  mov ax, DATA0
  mov ds, ax
  mov es, ax
  mov ss, ax
  mov fs, ax
  mov ax, DATA3
  mov gs, ax
  xor ax, ax
  lldt ax
  mov ax, OLD_TSS
  ltr ax

  tell start, start ; the state before the first switch
  set 1, 0x246
switch1:
  call NEW_TSS:0
switch1_end:
  tell switch2, switch2_end
  clts
  set 3, 0x8d7
switch3:
  jmp NEW_TSS:0
switch3_end:
  tell switch4, switch4_end
  clts
  set 5, 0x203
switch5:
  call NEW16_TSS:0
switch5_end:
  tell switch6, switch6_end
  clts
  set 7, 0x246
switch7:
  mov fs, [fs:bad_selector]
switch7_end:

new_entry:
  tell switch1, switch1_end
  clts
  set 2, 0x4202
switch2:
  iretd
switch2_end:
  tell switch3, switch3_end
  clts
  set 4, 0x47
switch4:
  jmp OLD_TSS:0
switch4_end:

new16_entry:
  tell switch5, switch5_end
  set 6, 0x7283
switch6:
  iretd
switch6_end:

gate_entry:
  tell switch7, switch7
  mov al, 0x10
  out 0xf4, al
  jmp $

bad_selector: dw 0xfff0
gdtr:
  dw gdt.end - gdt - 1
  dd GDT
idtr:
  dw idt.end - idt - 1
  dd idt
idt:
  times 13 dq 0
  dw 0, GATE_TSS, 0x8500, 0
.end:
; All are marked as accessed: QEMU does not mark those that a task switch loads.
gdt:
  dq 0
  descriptor 0, 0xfffff, 0xc09b
  descriptor 0, 0xfffff, 0xc093
  descriptor 0, 0xfffff, 0xc0fb
  descriptor 0, 0xfffff, 0xc0f3
  descriptor OLD, 0x67, 0x89
  descriptor NEW, 0x67, 0x89
  descriptor NEW16, 0x2b, 0x81
  descriptor GATE, 0x67, 0x89
  descriptor LDT, 0xf, 0x82
.end:
ldt:
  dq 0
  descriptor 0, 0xfffff, 0xc093
new_task:
  dd 0, 0, 0, 0, 0, 0, 0, 0x123000, new_entry, 0x00000aff
  dd 0xa0a0a0a0, 0xa1a1a1a1, 0xa2a2a2a2, 0xa3a3a3a3, STACK, 0xa5a5a5a5, 0xa6a6a6a6, 0xa7a7a7a7
  dd DATA0, CODE0, DATA0, 0x0c, 0, DATA3, LDT_SELECTOR, 0x680000
new16_task:
  dw 0, 0, 0, 0, 0, 0, 0, LOW_ENTRY, 0x3202
  dw 0xb0b0, 0xb1b1, 0xb2b2, 0xb3b3, 0xb4b4, 0xb5b5, 0xb6b6, 0xb7b7
  dw DATA3 | 3, CODE3 | 3, DATA3 | 3, DATA3 | 3, 0
gate_task:
  dd 0, 0, 0, 0, 0, 0, 0, 0, gate_entry, 2
  dd 0xc0c0c0c0, 0xc1c1c1c1, 0xc2c2c2c2, 0xc3c3c3c3, GATE_STACK, 0xc5c5c5c5, 0xc6c6c6c6, 0xc7c7c7c7
  dd DATA0, CODE0, DATA0, DATA0, DATA0, DATA0, 0, 0x680000
end:
