; Interrupt and exception stubs, one a vector, to one C function with a frame of registers; an RDMSR that may fault.

bits 64
default rel
%include "boot/registers.inc"

global trap_stubs, try_rdmsr, try_rdmsr_instruction, try_rdmsr_fault
extern trap_dispatch

; These vectors push an error code (SDM 3A 6.13).
%define HAS_ERROR_CODE(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

STUB_SIZE equ 16

section .text
    align STUB_SIZE
trap_stubs:
%assign vector 0
%rep 256
    align STUB_SIZE
%if !HAS_ERROR_CODE(vector)
    push 0
%endif
    push vector
    jmp near trap_common
%assign vector vector + 1
%endrep

trap_common:
    each push, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
    cld
    mov rdi, rsp
    call trap_dispatch
    each pop, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
    add rsp, 16
    iretq

; bool try_rdmsr(u32 index, u64 *value): false where the MSR does not exist; traps.c sends its #GP to the second label.
try_rdmsr:
    mov ecx, edi
try_rdmsr_instruction:
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov [rsi], rax
    mov eax, 1
    ret
try_rdmsr_fault:
    xor eax, eax
    ret
