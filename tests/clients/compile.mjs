// The TypeScript compiler, by tsconfig.json; what does not fit the generated types ends it with an error.
import "typescript/lib/tsc.js";
