// As hass_weights, in UltraRAM, which no bitstream fills on UltraScale+ parts: after each reset the
// words are loaded from the first to the last, one in each cycle with `load`, before work begins.
module hass_loaded_weights #(
    parameter int DEPTH = 4096,
    parameter int WIDTH = 72
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             load,
    input  logic [WIDTH-1:0] load_word,
    input  logic             step,
    output logic             valid,
    output logic [WIDTH-1:0] word
);
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic is_last, is_loaded, read;
    logic [ADDRESS_BITS-1:0] load_address, address;
    hass_counter #(.SIZE(DEPTH)) loads (
        .clk, .rst, .step(load), .value(load_address), .last(is_last));
    always_ff @(posedge clk)
        if (rst) is_loaded <= 1'b0;
        else if (load & is_last) is_loaded <= 1'b1;

    assign read = is_loaded & (step | !valid);
    always_ff @(posedge clk)
        if (rst) valid <= 1'b0;
        else if (is_loaded) valid <= 1'b1;
    hass_counter #(.SIZE(DEPTH)) addresses (
        .clk, .rst, .step(read), .value(address), .last());
    hass_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH), .ULTRA(1)) memory (
        .clk, .write(load), .write_address(load_address), .in(load_word), .read,
        .read_address(address), .out(word));
endmodule
