/** Version of this package. The build holds it to package.json. */
export const version = "0.1.0";
