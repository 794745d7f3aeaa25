// Word `index` of 2 to 4 words: one LUT a bit. Kept apart, because synthesis that sees several levels
// of a tree at once mixes them, at up to twice the LUTs.
(* keep_hierarchy = "yes" *)
module hass_mux4 #(
    parameter int WORDS = 4,
    parameter int WIDTH = 16,
    parameter int INDEX_BITS = WORDS == 2 ? 1 : 2
) (
    input  logic [WORDS*WIDTH-1:0] words,
    input  logic [INDEX_BITS-1:0]  index,  // past the end: the last word
    output logic [WIDTH-1:0]       word
);
    genvar b, i;
    generate
        for (b = 0; b < WIDTH; b = b + 1) begin : bit_of_word
            logic [(1<<INDEX_BITS)-1:0] slots;
            for (i = 0; i < 1 << INDEX_BITS; i = i + 1) begin : slot
                assign slots[i] = words[(i<WORDS?i:WORDS-1)*WIDTH+b];
            end
            assign word[b] = slots[index];
        end
    endgenerate
endmodule
