; Real, protected, PAE, compatibility and 64-bit mode, the way from each to each other, and what no mode lets pass.

%include "lib/guest.inc"

main:
    mov r15, cr0
    call check_compatibility_mode
    call check_protected_mode
    call check_pae
    jmp check_real_mode

; SDM 3A 9.8.5.3: a segment with L = 0 is one of compatibility mode. The byte 40H is INC EAX there, in 64-bit mode REX.
check_compatibility_mode:
    mov eax, 7
    push SELECTOR_CODE32
    push .in_32_bits
    retfq
bits 32
.in_32_bits:
    inc eax
    mov esi, cs
    jmp SELECTOR_CODE64:.back
bits 64
.back:
    check "32-bit code in compatibility mode", rax, 8
    check "CS in compatibility mode", rsi, SELECTOR_CODE32
    mov eax, 0x12340000
    mov edi, compatibility16
    push SELECTOR_CODE16
    push rdi
    retfq
.back_from_16_bits:
    check "16-bit code in compatibility mode", rax, 0x1234ffff
    ret
section .real
bits 16
compatibility16:
    dec ax
    jmp dword SELECTOR_CODE64:check_compatibility_mode.back_from_16_bits
section .text
bits 64

; SDM 3A 9.8.5, 9.9; SDM 2B, MOV to control registers
check_protected_mode:
    mov edi, .efer
    mov esi, PAGING_NONE
    call run_protected
    check "LMA is clear in protected mode without paging", rax, 0
    mov edi, .efer
    mov esi, PAGING_32
    call run_protected
    check "LMA is clear under 32-bit paging", rax, 0
    mov edi, .efer
    mov esi, PAGING_PAE
    call run_protected
    check "LMA is clear under PAE paging", rax, 0
    mov edi, .cr0_32
    mov esi, PAGING_32
    call run_protected
    check "CR0 under 32-bit paging", rax, r15
    mov edi, .refusals
    mov esi, PAGING_NONE
    call run_protected
    check_kept "PCIDE cannot be set outside of long mode", 1, GP, 0
    check_kept "NW without CD in protected mode", 2, GP, 0
    if_tcg_machine .untried
    check_kept "PG cannot be set with LME and without PAE", 0, GP, 0
    check_kept "CR4 bit 31 is reserved in protected mode", 3, GP, 0
    check_kept "PG cannot be set without PE", 4, GP, 0
    ret
.untried:
    skip "PG cannot be set with LME and without PAE", "QEMU's own CPU would do it"
    skip "PG cannot be set without PE", "QEMU's own CPU would do it"
    skip "CR4 bit 31 is reserved in protected mode", "QEMU's own CPU hangs"
    ret
bits 32
.efer:
    mov ecx, IA32_EFER
    rdmsr
    and eax, EFER_LMA
    ret
.cr0_32:
    mov eax, cr0
    ret
.refusals:
    mov ecx, IA32_EFER
    rdmsr
    or eax, EFER_LME
    wrmsr
    mov eax, cr0
    mov ebx, eax
    or eax, CR0_PG
    if_tcg_machine .no_paging
    try
    mov cr0, eax
    caught
.no_paging:
    keep_exception 0
    mov ecx, IA32_EFER
    rdmsr
    and eax, ~EFER_LME
    wrmsr
    mov eax, cr4
    mov edx, eax
    or eax, CR4_PCIDE
    try
    mov cr4, eax
    caught
    keep_exception 1
    mov cr4, edx
    mov eax, ebx
    or eax, CR0_NW
    try
    mov cr0, eax
    caught
    keep_exception 2
    mov cr0, ebx
    mov eax, ebx
    or eax, CR0_PG
    and eax, ~CR0_PE
    if_tcg_machine .no_protection
    try
    mov cr0, eax
    caught
    keep_exception 4
    mov eax, edx
    or eax, 1 << 31
    try
    mov cr4, eax
    caught
    keep_exception 3
    mov cr4, edx
.no_protection:
    ret
bits 64

; SDM 3A 4.4.1
check_pae:
    mov qword [own_pages], PAGE_PRESENT | PAGE_WRITABLE | 0x100000
    mov edi, .routine
    mov esi, PAGING_PAE
    call run_protected
    check_kept "MOV to CR3 refuses a PDPTE with reserved bits", 0, GP, 0
    check_kept_none "MOV to CR3 takes a PDPTE that is not present, whatever else is in it", 1
    check_kept_none "a PDPTE counts as it was when CR3 was loaded", 2
    check_kept "a PDPTE that is not present counts once CR3 is loaded", 3, PF, 0
    mov qword [own_pages], 0
    ret
bits 32
.routine:
    or dword [pae_pdpt + 8], 1 << 1
    mov eax, cr3
    try
    mov cr3, eax
    caught
    keep_exception 0
    mov dword [pae_pdpt + 8], 1 << 1
    try
    mov cr3, eax
    caught
    keep_exception 1
    mov dword [pae_pdpt + 8], page_directories + PAGE_SIZE + PAGE_PRESENT
    mov cr3, eax
    mov dword [pae_pdpt + 8], 0
    invlpg [OWN_PAGES]
    try
    mov dl, [OWN_PAGES]
    caught
    keep_exception 2
    mov cr3, eax
    try
    mov dl, [OWN_PAGES]
    caught
    keep_exception 3
    mov dword [pae_pdpt + 8], page_directories + PAGE_SIZE + PAGE_PRESENT
    mov cr3, eax
    ret
bits 64

; SDM 3B 21
check_real_mode:
    mov edi, real_add
    call run_real
    check "16-bit arithmetic in real mode", rax, 0x12340000
    mov edi, real_segments
    call run_real
    check "a segment of real mode begins at 16 times its number", rax, 0x600df00d
    mov edi, real_cr0
    call run_real
    mov rsi, r15
    and esi, ~CR0_PE & ~CR0_PG
    check "CR0 in real mode", rax, rsi
    mov edi, real_limit
    call run_real
    check "an access beyond 64 KiB in real mode raises #GP", rax, VECTOR_GP
    mov edi, real_divide
    call run_real
    check "#DE in real mode goes through the interrupt vector table", rax, VECTOR_DE
    mov edi, real_interrupt
    call run_real
    check "INT 60H in real mode pushes IP, CS and FLAGS and clears IF", rax, 0x60
    mov edi, real_big
    call run_real
    check "a limit of protected mode lasts in real mode", rax, MULTIBOOT_MAGIC
    ret

section .real
bits 16
real_add:
    mov eax, 0x1234ffff
    inc ax
    ret

real_segments:
    mov ax, 0x900
    mov es, ax
    mov dword [0x9004], 0x600df00d
    mov eax, [es:4]
    ret

real_cr0:
    mov eax, cr0
    ret

; Makes vector %1 lead to .handler, which puts the vector into AX and returns from the routine.
%macro catch_real 1
    mov word [%1 * 4], %%handler
    mov word [%1 * 4 + 2], 0
    mov [real_saved_sp], sp
    jmp %%go_on
%%handler:
    mov sp, [real_saved_sp]
    mov eax, %1
    ret
%%go_on:
    xor eax, eax
%endmacro

real_limit:
    catch_real VECTOR_GP
    mov bx, 0xffff
    mov eax, -1
    mov ax, [bx]
    ret

real_divide:
    catch_real VECTOR_DE
    mov eax, -1
    xor cl, cl
    div cl
    ret

real_interrupt:
    mov word [0x60 * 4], .handler
    mov word [0x60 * 4 + 2], 0
    xor eax, eax
    int 0x60
.behind:
    ret
.handler:
    mov bp, sp
    cmp word [bp], .behind
    jne .end
    cmp word [bp + 2], 0
    jne .end
    pushf
    pop dx
    test dx, RFLAGS_IF
    jnz .end
    mov al, 0x60
.end:
    iret

; From real mode to protected mode and back, FS keeping the limit of 4 GiB (SDM 3A 9.9.2).
real_big:
    lgdt [gdt_register_low]
    mov eax, cr0
    or al, CR0_PE
    mov cr0, eax
    mov dx, SELECTOR_DATA
    mov fs, dx
    and al, ~CR0_PE
    mov cr0, eax
    jmp 0:.flush
.flush:
    mov ebx, 0x100000
    a32 mov eax, [fs:ebx]
    ret

gdt_register_low:
    dw 0x7f
    dd gdt

real_saved_sp: dw 0
