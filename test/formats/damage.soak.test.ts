/** All the damages of which `npm test` tries a few. */

import './damage.test.js';
