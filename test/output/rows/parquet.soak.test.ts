/** All the damages of which `npm test` tries a few. */

import './parquet.test.js';
