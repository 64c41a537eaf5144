/** All the damages of which `npm test` tries a few. */

import './earlier.test.js';
