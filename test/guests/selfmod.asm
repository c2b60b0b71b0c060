; Self-modifying and cross-modifying code: what is written is what runs next (SDM 3A 12.6, 9.1.3).

%include "lib/guest.inc"

PLACE equ 0x200000                      ; a page for code, and the next
ALIAS equ OWN_PAGES                     ; the linear address of the same page

; The instructions that are written: MOV EAX, imm32; RET.
MOV_EAX equ 0xb8
RET_NEAR equ 0xc3

; Writes MOV EAX, %2; RET to [%1].
%macro write_code 2
    mov byte [%1], MOV_EAX
    mov dword [%1 + 1], %2
    mov byte [%1 + 5], RET_NEAR
%endmacro

main:
    call check_next_instruction
    call check_loop
    call check_copy
    call check_alias
    call check_pages
    call check_permissions
    jmp check_protected_mode

; The very next instruction, without a jump in between.
check_next_instruction:
    mov byte [.immediate + 1], 0x22
.immediate:
    mov eax, 0x11
    check "a write to the next instruction counts", rax, 0x22
    lea rdi, [.stored]
    mov al, 0x90
    mov ecx, 2
    xor ebx, ebx
    rep stosb
.stored:
    inc ebx
    check "STOSB over the next instruction counts", rbx, 0
    xor ebx, ebx
    mov byte [.jump], 0x90
    mov byte [.jump + 1], 0x90
    jmp .jump
.jump:
    jmp .behind
    inc ebx
.behind:
    check "a jump over what was written sees it", rbx, 1
    ret

; Code that has run often is written again and again.
check_loop:
    xor r12d, r12d
    mov r13d, 1
.next:
    mov [.immediate + 1], r13d
    call .routine
    add r12, rax
    inc r13d
    cmp r13d, 1001
    jne .next
    check "a routine that is changed 1000 times runs each of them", r12, 1000 * 1001 / 2
    ; The same with an instruction that exits between write and run.
    xor r12d, r12d
    mov r13d, 1
.next_with_exit:
    mov [.immediate + 1], r13d
    cpuid
    call .routine
    add r12, rax
    inc r13d
    cmp r13d, 101
    jne .next_with_exit
    check "and so it is with CPUID in between", r12, 100 * 101 / 2
    ret
.routine:
.immediate:
    mov eax, 0
    ret

; Unpacked code: every byte is the packed one turned round.
check_copy:
    lea rsi, [.packed]
    mov edi, PLACE
    mov ecx, .packed_end - .packed
.next:
    lodsb
    not al
    stosb
    loop .next
    mov edi, PLACE
    call rdi
    check "unpacked code runs", rax, 0x600df00d
    mov edi, PLACE
    mov ecx, 6
    lea rsi, [check_loop.routine]
    rep movsb
    mov dword [abs PLACE + 1], 0x77
    mov edi, PLACE
    call rdi
    check "copied code runs in the place of other code", rax, 0x77
    ret
.packed:
    db ~MOV_EAX & 0xff, ~0x0d & 0xff, ~0xf0 & 0xff, ~0x0d & 0xff, ~0x60 & 0xff, ~RET_NEAR & 0xff
.packed_end:

; Written through one linear address and run through another; CPUID lies in between, as SDM 3A 12.6 asks for.
check_alias:
    mov qword [own_pages], PLACE | PAGE_ALL
    invlpg [abs ALIAS]
    write_code abs PLACE, 0x1001
    mov edi, ALIAS
    call rdi
    check "code runs through another linear address", rax, 0x1001
    mov dword [abs PLACE + 1], 0x1002
    cpuid
    mov edi, ALIAS
    call rdi
    check "code changed through another linear address runs", rax, 0x1002
    mov dword [abs ALIAS + 1], 0x1003
    cpuid
    mov edi, PLACE
    call rdi
    check "and so it does the other way round", rax, 0x1003
    ; Another page behind the same linear address.
    write_code abs PLACE + PAGE_SIZE, 0x1004
    mov qword [own_pages], PLACE + PAGE_SIZE | PAGE_ALL
    invlpg [abs ALIAS]
    mov edi, ALIAS
    call rdi
    check "code of another page at the same linear address runs", rax, 0x1004
    ret

; An instruction that lies in two pages, whose second half is changed.
check_pages:
    write_code abs PLACE + PAGE_SIZE - 3, 0x12345678
    mov edi, PLACE + PAGE_SIZE - 3
    call rdi
    mov esi, 0x12345678
    check "an instruction across two pages runs", rax, rsi
    mov word [abs PLACE + PAGE_SIZE], 0xabcd
    call rdi
    mov esi, 0xabcd5678
    check "its second half is changed", rax, rsi
    mov byte [abs PLACE + PAGE_SIZE - 2], 0x79
    call rdi
    mov esi, 0xabcd5679
    check "its first half is changed", rax, rsi
    ret

; A page is writable or executable, in turns.
check_permissions:
    write_code abs PLACE, 0x2001
    mov rax, PLACE | PAGE_PRESENT | PAGE_WRITABLE | 1 << 63
    mov [own_pages], rax
    invlpg [abs ALIAS]
    mov edi, ALIAS
    try
    mov dword [recovery.expected_rip], ALIAS
    call rdi
    caught
    check_exception "code in an execute-disable page", PF, 0x11
    mov dword [abs ALIAS + 1], 0x2002
    mov qword [own_pages], PLACE | PAGE_PRESENT
    invlpg [abs ALIAS]
    call rdi
    check "it runs when the page is made executable", rax, 0x2002
    raises "it is protected then", PF, 3, {mov byte [abs ALIAS], 0}
    call rdi
    check "it still runs", rax, 0x2002
    mov qword [own_pages], 0
    invlpg [abs ALIAS]
    ret

check_protected_mode:
    mov edi, .in_protected_mode
    mov esi, PAGING_NONE
    call run_protected
    check "a write to the next instruction counts in protected mode", rax, 0x44
    mov edi, modify_in_real_mode
    call run_real
    check "a write to the next instruction counts in real mode", rax, 0x66
    ret
bits 32
.in_protected_mode:
    mov byte [.immediate + 1], 0x44
.immediate:
    mov eax, 0x33
    ret
bits 64

section .real
bits 16
modify_in_real_mode:
    xor eax, eax
    mov byte [.immediate + 1], 0x66
.immediate:
    mov ax, 0x55
    ret
