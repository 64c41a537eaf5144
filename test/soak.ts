/**
 * Whether this is `npm run test:soak`. There, tests that try many cases of a kind try all of them; `npm test` tries a few.
 * The file `x.soak.test.ts` beside such a test runs it once more.
 */
export const SOAK = process.env.VGG16_TEST_SOAK === '1';

/** So many cases in a soak, and one in twenty otherwise. */
export const many = (count: number): number => (SOAK ? count : Math.ceil(count / 20));
