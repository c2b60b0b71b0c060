; The time-stamp counter: it never goes back, goes on over instructions that exit, and keeps what is written.

%include "lib/guest.inc"
%include "lib/msr.inc"

; RAX = the TSC. Changes RDX.
%macro read_tsc 0
    rdtsc
    shl rdx, 32
    or rax, rdx
%endmacro

; Runs %2 1000 times between readings of the TSC, and checks that each is above the one before. %2 may not change R12 to R15.
%macro check_rises 2
    mov r12d, 1000
    xor r13d, r13d
    read_tsc
    mov r14, rax
%%next:
    %2
    read_tsc
    cmp rax, r14
    seta r15b
    movzx r15d, r15b
    add r13d, r15d
    mov r14, rax
    dec r12d
    jnz %%next
    check {"the TSC rises over ", %1}, r13, 1000
%endmacro

main:
    check_rises "NOP", nop
    check_rises "CPUID", cpuid
    check_rises "OUT", {out 0x80, al}
    check_rises "IN", {in al, 0x80}
    check_rises "MOV to CR3", {call .load_cr3}
    mov ecx, IA32_TIME_STAMP_COUNTER
    check_rises "RDMSR of it", rdmsr
    call check_writes
    call check_clears
    jmp check_rdtscp
.load_cr3:
    mov rax, cr3
    mov cr3, rax
    ret

; SDM 3B 18.17.3: all 64 bits can be written.
check_writes:
    mov r12, 0x7edcba9800000000
    mov rax, r12
    write_msr_from_rax IA32_TIME_STAMP_COUNTER
    read_tsc
    sub rax, r12
    shr rax, 32
    check "the TSC goes on from a high value that is written", rax, 0
    cpuid
    read_tsc
    sub rax, r12
    shr rax, 32
    check "it does so behind CPUID", rax, 0
    write_msr IA32_TIME_STAMP_COUNTER, 0
    read_tsc
    shr rax, 32
    check "the TSC goes on from 0", rax, 0
    read_msr IA32_TIME_STAMP_COUNTER
    shr rax, 32
    check "RDMSR reads it as RDTSC does", rax, 0
    ret

; SDM 2B, RDTSC
check_clears:
    mov rax, -1
    mov rdx, -1
    rdtsc
    or rax, rdx
    shr rax, 32
    check "RDTSC clears the upper halves of RAX and RDX", rax, 0
    mov edi, .in_protected_mode
    mov esi, PAGING_NONE
    call run_protected
    check "RDTSC rises in protected mode", rax, 1
    mov edi, tsc_in_real_mode
    call run_real
    check "RDTSC rises in real mode", rax, 1
    ret
bits 32
.in_protected_mode:
    rdtsc
    mov esi, eax
    mov edi, edx
    cpuid
    rdtsc
    sub esi, eax
    sbb edi, edx
    mov eax, 0
    setc al
    ret
bits 64

check_rdtscp:
    mov eax, 0x80000001
    cpuid
    bt edx, 27
    jnc .none
    rdtscp
    shl rdx, 32
    or rax, rdx
    mov r12, rax
    read_tsc
    cmp rax, r12
    check_flag "RDTSC is not behind RDTSCP", ae
    mov rax, -1
    mov rcx, -1
    mov rdx, -1
    rdtscp
    or rax, rdx
    or rax, rcx
    shr rax, 32
    check "RDTSCP clears the upper halves of RAX, RDX and RCX", rax, 0
    ret
.none:
    skip "RDTSC is not behind RDTSCP", "no RDTSCP"
    ret

section .real
bits 16
tsc_in_real_mode:
    rdtsc
    mov esi, eax
    mov edi, edx
    cpuid
    rdtsc
    sub esi, eax
    sbb edi, edx
    mov eax, 0
    setc al
    ret
