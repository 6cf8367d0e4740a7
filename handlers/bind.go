package handlers

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// fail renders an error in the family of the path and ends the request.
func fail(c *gin.Context, err error) { middleware.Fail(c, err) }

// principal returns who the request acts for. Routes behind authentication always have one.
func principal(c *gin.Context) models.Principal {
	p, _ := middleware.Principal(c)
	return p
}

// bindJSON reads the body into dst, a pointer to a struct: strict JSON (package strictjson), then the struct's
// validate tags. It renders the fault and returns false where something does not fit.
func bindJSON(c *gin.Context, dst any) bool {
	b, err := readBody(c)
	if err == nil {
		err = decodeJSON(b, dst)
	}
	if err != nil {
		fail(c, err)
		return false
	}
	return true
}

// decodeJSON is bindJSON without the request.
func decodeJSON(b []byte, dst any) error {
	if err := strictjson.Check(b); err != nil {
		return jsonFault(b, err)
	}
	if err := mismatches(strictjson.Decode(b, dst)); err != nil {
		return err
	}
	return validate(dst)
}

// jsonFault gives a text that is not JSON its place in the error table.
func jsonFault(b []byte, err error) error {
	if len(b) == 0 {
		return models.Errorf(models.InvalidRequestBody, "The request body is empty; this call takes a JSON object.")
	}
	e := models.NewError(models.InvalidRequestBody)
	var fault *strictjson.Error
	if errors.As(err, &fault) {
		e.Message = "The request body is not acceptable JSON: " + fault.Error() + "."
		e.Details = map[string]any{"offset": fault.Offset, "reason": fault.Reason}
	}
	return e
}

// mismatches turns values of the wrong type into an error that names each; nil for none.
func mismatches(found []strictjson.Mismatch) error {
	if len(found) == 0 {
		return nil
	}
	e := models.NewError(models.InvalidRequestBody)
	for _, m := range found {
		e.Fields = append(e.Fields, models.FieldError{Path: m.Path, Code: m.Code, Message: m.Text})
	}
	return e
}

// structs checks validate tags. It reports fields by their JSON names.
var structs = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			return ""
		}
		return name
	})
	return v
})

// validate checks the validate tags of a struct and names each wrong field.
func validate(dst any) error {
	err := structs().Struct(dst)
	if err == nil {
		return nil
	}
	var wrong validator.ValidationErrors
	if !errors.As(err, &wrong) {
		return err // a programming mistake: dst is not a struct
	}
	e := models.NewError(models.InvalidRequestBody)
	for _, f := range wrong {
		name := f.Namespace() // begins with the name of the type, where it has one
		if reflect.Indirect(reflect.ValueOf(dst)).Type().Name() != "" {
			_, name, _ = strings.Cut(name, ".")
		}
		code, text := tagMessage(f)
		e.Fields = append(e.Fields, models.FieldError{Path: tagPath(name), Code: code, Message: text})
	}
	return e
}

// tagPath reads what the validator calls a field of a body: "scopes[2]" is the element 2 of scopes.
func tagPath(fields string) models.Path {
	var path models.Path
	for field := range strings.SplitSeq(fields, ".") {
		name, rest, _ := strings.Cut(field, "[")
		path = path.Name(name)
		for rest != "" {
			var key string
			key, rest, _ = strings.Cut(rest, "]")
			rest = strings.TrimPrefix(rest, "[")
			if i, err := strconv.Atoi(key); err == nil {
				path = path.Index(i)
			} else {
				path = path.Name(key)
			}
		}
	}
	return path
}

// tagMessage words a failed tag: a stable code and a sentence.
func tagMessage(f validator.FieldError) (code, text string) {
	isText := f.Kind() == reflect.String
	switch f.Tag() {
	case "required":
		return "required", "is required"
	case "email":
		return "not_email", "must be an e-mail address"
	case "oneof":
		return "not_allowed", "must be one of " + strings.Join(strings.Fields(f.Param()), ", ")
	case "min", "gte":
		switch {
		case isText:
			return "too_short", "must have at least " + f.Param() + " characters"
		case f.Kind() == reflect.Slice || f.Kind() == reflect.Map:
			return "too_few", "must have at least " + f.Param() + " elements"
		}
		return "too_small", "must be at least " + f.Param()
	case "max", "lte":
		switch {
		case isText:
			return "too_long", "must have at most " + f.Param() + " characters"
		case f.Kind() == reflect.Slice || f.Kind() == reflect.Map:
			return "too_many", "must have at most " + f.Param() + " elements"
		}
		return "too_large", "must be at most " + f.Param()
	case "unique":
		return "duplicate", "must not contain the same value twice"
	}
	return "invalid", "is not valid (" + f.Tag() + ")"
}
