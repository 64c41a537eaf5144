/** All the damages of which `npm test` tries a few. */

import './read.test.js';
