package middleware

import "github.com/gin-gonic/gin"

// Body is Prepare with a limit and media types alone.
func Body(limit int64, media ...string) gin.HandlerFunc {
	return Prepare(BodyConfig{Limit: limit, Media: media})
}
