/** Every command, of which `npm test` tries some. */

import './terminal.e2e.test.js';
