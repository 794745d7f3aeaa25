// Memory of block RAMs, cut into banks of BANK words; the last one holds what is left and may be of
// another aspect ratio. Of the powers of two BANK is the one that needs fewest block RAMs, and of
// those the largest, which has fewest banks to choose from. hass.cost.primitives does the same sum.
module hass_block_memory #(
    parameter int DEPTH = 512,
    parameter int WIDTH = 36,
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                    clk,
    input  logic                    write,
    input  logic [ADDRESS_BITS-1:0] write_address,
    input  logic [WIDTH-1:0]        in,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0]        out
);
    // words of one RAMB18 at its greatest width, 36 bits, and at its least
    localparam int SHALLOW = 512;
    localparam int DEEP = 16384;

    // RAMB18 that lie side by side for `depth` words: 36 bits each, then 18, 9, 4, 2 and 1
    function automatic integer columns(input integer depth);
        integer width;
        begin
            width = 36 * SHALLOW / depth;
            if (depth > 2048) width = DEEP / depth;
            columns = (WIDTH + width - 1) / width;
        end
    endfunction

    // RAMB18 of a bank of `depth` words; two of half the depth are one RAMB36
    function automatic integer blocks(input integer depth);
        blocks = columns(depth);
        if (depth > SHALLOW && 2 * columns(depth / 2) < blocks) blocks = 2 * columns(depth / 2);
    endfunction

    // the bank of the fewest words that holds so many
    function automatic integer bank_for(input integer words);
        bank_for = SHALLOW;
        while (bank_for < words) bank_for = 2 * bank_for;
    endfunction

    function automatic integer total(input integer bank);
        total = DEPTH / bank * blocks(bank);
        if (DEPTH % bank != 0) total = total + blocks(bank_for(DEPTH % bank));
    endfunction

    function automatic integer best_bank(input integer deepest);
        integer bank;
        begin
            best_bank = SHALLOW;
            for (bank = 2 * SHALLOW; bank <= deepest; bank = 2 * bank)
                if (total(bank) <= total(best_bank)) best_bank = bank;
        end
    endfunction

    localparam int BANK = best_bank(DEEP);
    localparam int BANKS = (DEPTH + BANK - 1) / BANK;
    localparam int BANK_BITS = BANKS > 1 ? $clog2(BANKS) : 1;
    localparam int WORD_BITS = BANKS > 1 ? $clog2(BANK) : ADDRESS_BITS;

    logic [BANKS*WIDTH-1:0] found;
    logic [BANK_BITS-1:0] write_bank, found_bank;
    genvar b;
    generate
        if (BANKS > 1) begin : several
            assign write_bank = write_address[ADDRESS_BITS-1:WORD_BITS];
            always_ff @(posedge clk)
                if (read) found_bank <= read_address[ADDRESS_BITS-1:WORD_BITS];
        end else begin : one
            assign write_bank = '0;
            assign found_bank = '0;
        end
        for (b = 0; b < BANKS; b = b + 1) begin : bank
            localparam int WORDS = b < BANKS - 1 ? BANK : DEPTH - b * BANK;
            (* ram_style = "block" *) logic [WIDTH-1:0] words [0:WORDS-1];
            always_ff @(posedge clk) begin
                if (write & write_bank == b) words[write_address[WORD_BITS-1:0]] <= in;
                if (read) found[b*WIDTH+:WIDTH] <= words[read_address[WORD_BITS-1:0]];
            end
        end
    endgenerate
    hass_select #(.WORDS(BANKS), .WIDTH(WIDTH)) select (
        .words(found), .index(found_bank), .word(out));
endmodule
