// x + y + carry. A carry chain needs one of its summands beside each LUT: here always x, so that the
// logic that makes y (a choice, say) fits the LUTs of the adder. Of a plain `+` a tool takes either.
//
// Twice the sum, as the difference of x and -y - 1 with a bit below both: 2x + carry - (2(-y - 1) +
// 1 - carry) = 2(x + y + carry) + 1.
module hass_add #(
    parameter int WIDTH = 32
) (
    input  logic [WIDTH-1:0] x,
    input  logic [WIDTH-1:0] y,
    input  logic             carry,
    output logic [WIDTH-1:0] sum
);
    // verilator lint_off UNUSEDSIGNAL
    logic [WIDTH:0] twice;  // its lowest bit is 1
    // verilator lint_on UNUSEDSIGNAL
    assign twice = {x, carry} - {~y, !carry};
    assign sum = twice[WIDTH:1];
endmodule
